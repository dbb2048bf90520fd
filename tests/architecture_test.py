"""Holds the house together: who may import whom, and what nobody may do.

The levels, from the ground up, in two wings that share a roof:

    5                      cli
    4        training              generation, evaluation
    3        data                  bundles
    2        codecs                models
    1        notes                 encodings  layers
"""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "magenta_lite"

# What every part may import: the bare package (for its version), errors,
# places on disk, names of batch keys, downloads, what chord symbols mean, how
# chords and grooves lie in events.
GROUND = {
    *("", "errors", "paths", "batch", "download"),
    *("chord_symbols", "chord_fields", "groove_events"),
}

_LEFT = {"notes", "codecs", "data"}
_RIGHT = {"encodings", "layers", "models", "bundles"}

MAY_IMPORT = {
    "errors": set(),
    "paths": set(),
    "batch": set(),
    "download": set(),
    "chord_symbols": set(),
    "chord_fields": set(),
    "groove_events": set(),
    "notes": set(),
    "encodings": set(),
    "layers": set(),
    "codecs": {"notes"},
    "models": {"encodings", "layers"},
    # `datasets` are the plug-ins of `data`: it runs them, they build upon it.
    "data": {"codecs", "notes", "datasets"},
    "datasets": {"data", "notes"},
    "bundles": {"notes", "codecs", "encodings", "layers", "models"},
    "training": _LEFT | _RIGHT,
    "generation": {"notes", "codecs"} | _RIGHT,
    "evaluation": _LEFT | _RIGHT,
    "cli": _LEFT
    | _RIGHT
    | {"cli", "datasets", "training", "generation", "evaluation"},
}

# No module is excused; a new entry needs its reason beside it.
EXCUSED: set[tuple[str, str]] = set()

TENSORFLOW = {"tensorflow", "tensorflow_datasets", "keras"}

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 80


def source_files() -> list[pathlib.Path]:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "datasets").rglob("*.py")]
    return sorted(files)


def module_name(path: pathlib.Path) -> str:
    """`magenta_lite/notes/midi.py` as `magenta_lite.notes.midi`."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] == "datasets":
        parts.insert(0, "magenta_lite")
    return ".".join(parts)


def imports(source: str, module: str) -> set[str]:
    """Dotted names that the source imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level]
                base = ".".join([*above, *base.split(".")]).rstrip(".")
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def part_of(name: str) -> str:
    """The part of the house that a dotted name of ours belongs to."""
    names = name.split(".")
    return names[1] if len(names) > 1 else ""


def forbidden_imports(source: str, module: str) -> set[str]:
    """Imports of ours that the table does not allow to this module."""
    part = part_of(module)
    allowed = MAY_IMPORT[part] | GROUND | {part}
    return {
        name
        for name in imports(source, module)
        if name.split(".")[0] == "magenta_lite"
        and part_of(name) not in allowed
        and (module, name) not in EXCUSED
    }


def gin_uses(source: str) -> set[str]:
    """Names of the module gin that the source uses."""
    tree = ast.parse(source)
    uses = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "gin"
    }
    imported = {
        name.removeprefix("gin.")
        for name in imports(source, "")
        if name.startswith("gin.")
    }
    return uses | imported


def called_names(source: str) -> set[str]:
    """Last names of everything that the source calls."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                names.add(called.id)
            elif isinstance(called, ast.Attribute):
                names.add(f".{called.attr}")
    return names


def every_file(test):
    return pytest.mark.parametrize(
        "path", source_files(), ids=lambda path: module_name(path)
    )(test)


@every_file
def test_arrows_point_down(path):
    module = module_name(path)
    if module == "magenta_lite.__init__":
        return  # the front door; what it may import is tested below
    assert part_of(module) in MAY_IMPORT, "a new part needs a row in the table"
    assert not forbidden_imports(path.read_text(), module)


def test_table_holds_the_wings_apart():
    assert not MAY_IMPORT["data"] & (_RIGHT | {"training", "generation"})
    for part in _RIGHT:
        assert "data" not in MAY_IMPORT[part]
    for part in ("models", "layers", "encodings"):
        assert not MAY_IMPORT[part] & _LEFT
    for part, allowed in MAY_IMPORT.items():
        assert part == "cli" or "cli" not in allowed


@pytest.mark.parametrize(
    "source, module, found",
    [
        (
            "from magenta_lite.data import pipeline",
            "magenta_lite.models.x",
            {"magenta_lite.data.pipeline"},
        ),
        (
            "def f():\n  import magenta_lite.cli.app",
            "magenta_lite.training.loop",
            {"magenta_lite.cli.app"},
        ),
        (
            "from ..models import base",
            "magenta_lite.data.pipeline",
            {"magenta_lite.models.base"},
        ),
        (
            "from magenta_lite import bundles",
            "magenta_lite.data.pipeline",
            {"magenta_lite.bundles"},
        ),
        ("from . import base", "magenta_lite.models.event_rnn", set()),
        ("import numpy", "magenta_lite.notes.midi", set()),
        ("from magenta_lite import errors", "magenta_lite.notes.midi", set()),
    ],
)
def test_the_checker_sees_every_form_of_import(source, module, found):
    assert forbidden_imports(source, module) == found


@every_file
def test_notes_and_codecs_never_import_tensorflow(path):
    module = module_name(path)
    if part_of(module) in ("notes", "codecs"):
        heads = {n.split(".")[0] for n in imports(path.read_text(), module)}
        assert not heads & TENSORFLOW


@every_file
def test_only_commands_know_flags_and_parse_gin(path):
    module = module_name(path)
    if part_of(module) == "cli":
        return
    source = path.read_text()
    assert not imports(source, module) & {"absl.flags", "absl.app"}
    assert gin_uses(source) <= {"register"}


@every_file
def test_nothing_runs_code_from_data_or_leaves_the_graph(path):
    source = path.read_text()
    heads = {name.split(".")[0] for name in imports(source, "")}
    assert not heads & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    assert not called_names(source) & {
        "eval",
        "exec",
        ".py_function",
        ".numpy_function",
        ".py_func",
    }


@every_file
def test_files_and_functions_stay_small(path):
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_FILE_LINES
    long_functions = [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert not long_functions


def test_gin_and_datasets_are_no_packages():
    # One would hide the PyPI module of that name from a run in the checkout.
    for folder in ("gin", "datasets"):
        assert not list((ROOT / folder).rglob("__init__.py"))


def loaded_by(*modules: str) -> set[str]:
    """Top-level modules in a fresh interpreter after these imports."""
    code = "import sys\n" + "".join(f"import {name}\n" for name in modules)
    code += "print(*{name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    heavy = TENSORFLOW | {"numpy", "note_seq", "matplotlib"}
    assert not loaded_by("magenta_lite") & heavy


def test_notes_and_codecs_load_without_tensorflow():
    modules = [
        module_name(path).removesuffix(".__init__")
        for path in source_files()
        if part_of(module_name(path)) in ("notes", "codecs")
    ]
    loaded = loaded_by(*modules)
    assert "magenta_lite" in loaded
    assert not loaded & TENSORFLOW
