"""The wheel: what it holds, and that it works away from the checkout."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = (
    "LICENSE",
    "README.md",
    "datasets",
    "gin",
    "magenta_lite",
    "pyproject.toml",
    "setup.py",
)

pytestmark = pytest.mark.slow


def run(*command, cwd, **environment) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    # From a copy: setuptools leaves a build/ folder where it builds, and takes
    # up what an earlier build left there.
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            shutil.copy(source, copy / name)
    built = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--quiet")
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "wheel", *offline, "--wheel-dir", built, copy, cwd=built)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> pathlib.Path:
    """A folder for PYTHONPATH that holds the wheel's package."""
    site = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--quiet")
    offline = ("--no-deps", "--no-index", "--target", site)
    run(*pip, "install", *offline, wheel, cwd=site)
    return site


@pytest.fixture
def command(installed, tmp_path):
    """Runs an installed console script in an empty folder."""

    def call(name: str, *flags: str) -> str:
        return run(
            sys.executable,
            installed / "bin" / f"magenta_lite_{name}",
            *flags,
            cwd=tmp_path,
            PYTHONPATH=str(installed),
            HOME=str(tmp_path),
        )

    return call


def names_in(wheel: pathlib.Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_owns_one_top_level_name(wheel):
    tops = {name.split("/")[0] for name in names_in(wheel)}
    (metadata,) = (name for name in tops if name.endswith(".dist-info"))
    assert tops == {"magenta_lite", metadata}


def test_wheel_holds_every_module_config_and_dataset(wheel):
    expected = {
        f"magenta_lite/{shipped}/{path.relative_to(ROOT / folder)}"
        for folder, shipped in (("gin", "gin_configs"), ("datasets",) * 2)
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and not {"__pycache__", "dummy_data"} & set(path.parts)
        and not path.name.startswith(".")
    } | {
        str(path.relative_to(ROOT))
        for path in (ROOT / "magenta_lite").rglob("*.py")
    }
    assert expected
    assert expected <= names_in(wheel)


def test_wheel_holds_no_tests_and_no_tools(wheel):
    assert not [
        name
        for name in names_in(wheel)
        if name.endswith("_test.py") or "dummy_data" in name
    ]


def test_installed_package_reads_its_own_recipes(installed, tmp_path):
    code = (
        "import magenta_lite; from magenta_lite import paths;"
        "print(magenta_lite.__file__, paths.gin_dir(), paths.is_checkout())"
    )
    shown = run(
        sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed)
    )
    package, gin_dir, is_checkout = shown.split()
    assert pathlib.Path(package).is_relative_to(installed)
    assert pathlib.Path(gin_dir).is_relative_to(installed)
    assert is_checkout == "False"


def test_installed_builders_can_be_imported(installed, tmp_path):
    builders = sorted((ROOT / "datasets").glob("*/*_dataset_builder.py"))
    assert builders
    code = "import " + ", ".join(
        f"magenta_lite.datasets.{path.parent.name}.{path.stem}"
        for path in builders
    )
    run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed))


def test_installed_commands_train_and_generate(command, tmp_path):
    command(
        "train",
        "--gin_file=recipes/melody_rnn/basic_rnn.gin",
        "--gin_file=runs/smoke.gin",
        "--run_dir=run",
    )
    command("export", "--run_dir=run", "--bundle_file=basic.mag")
    command(
        "generate",
        "--bundle_file=basic.mag",
        "--output_dir=music",
        "--num_outputs=1",
        "--num_steps=16",
        "--primer_melody=[60]",
        "--formats=mid",
    )
    (midi,) = (tmp_path / "music").glob("*.mid")
    assert midi.read_bytes().startswith(b"MThd")
