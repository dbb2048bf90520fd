"""The rules of the folder gin/, over every file in it."""

import ast
import re
from pathlib import Path

import gin
import pytest
from cli_flags import flags_of

from magenta_lite import paths
from magenta_lite.cli import config, gin_checks, train

TOP = paths.gin_dir()
FILES = config.gin_names()
RECIPES = [name for name in FILES if name.startswith("recipes/")]
OVERLAYS = [name for name in FILES if name.startswith("runs/")]
FAMILIES = ("datasets", "codecs", "models")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


def each(names):
    return pytest.mark.parametrize("name", names)


def text_of(name):
    return (TOP / name).read_text()


def includes_of(name):
    return re.findall(r'^include ["\'](.+)["\']', text_of(name), re.M)


def imports_of(name):
    return re.findall(r"^import ([\w.]+)", text_of(name), re.M)


def reached_from(name):
    """The file and all that it includes, as often as they are reached."""
    return [name] + [f for i in includes_of(name) for f in reached_from(i)]


def macros_set_in(name):
    return set(re.findall(r"^([A-Za-z_]\w*)\s*=", text_of(name), re.M))


def selectors_in(name):
    """Everything that a file binds or refers to, except macros."""
    text = "\n".join(
        line for line in text_of(name).splitlines() if line[:1] != "#"
    )
    bound = re.findall(r"^([\w/]+)\.\w+\s*=", text, re.M)
    return set(bound) | set(re.findall(r"@(\w+)", text))


def folder(name):
    return name.split("/")[0]


def test_there_is_something_to_test():
    assert "recipes/melody_rnn/basic_rnn.gin" in RECIPES
    assert "runs/smoke.gin" in OVERLAYS


@each(FILES)
def test_header_says_what_the_file_is_for(name):
    assert re.match(r"# [A-Z].+", text_of(name))


@each(FILES)
def test_only_recipes_include_across_families(name):
    if folder(name) in FAMILIES:
        assert {folder(i) for i in includes_of(name)} <= {folder(name)}
    elif folder(name) != "recipes":
        assert not includes_of(name)


@each(RECIPES)
def test_recipe_includes_base_then_dataset_codec_model(name):
    included = includes_of(name)
    assert [folder(i) for i in included] == ["base.gin", *FAMILIES]
    first_setting = re.search(r"^[\w.]+\s*=", text_of(name), re.M).start()
    assert text_of(name).rindex('include "') < first_setting


@each(RECIPES)
def test_no_file_is_reached_twice(name):
    reached = reached_from(name)
    assert len(reached) == len(set(reached))


@each(FILES)
def test_file_imports_what_it_configures(name):
    imported = {m for f in reached_from(name) for m in imports_of(f)}
    for other in FILES:  # so that all names are known
        for module in imports_of(other):
            __import__(module)
    for selector in selectors_in(name):
        module = gin.get_configurable(selector).__module__
        if module.startswith("keras."):
            module = "magenta_lite.training.optimizers"
        assert module in imported, f"{name} configures {selector}"


@each(FILES)
def test_knobs_are_turned_in_recipes_and_overlays_alone(name):
    if folder(name) in FAMILIES:
        assert not macros_set_in(name) & macros_set_in("base.gin")


def test_only_entry_functions_are_configurable():
    """Elsewhere bindings would act on plain Python calls, too."""
    for path in (ROOT / "magenta_lite" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            decorators = getattr(node, "decorator_list", [])
            if any("gin.configurable" in ast.unparse(d) for d in decorators):
                assert node.name == path.stem


# Of clips every event counts, and their models have sizes of their own.
KNOBS_OF_OTHERS = {
    "models/music_vae.gin": {"MAX_EVENTS", "WIDTH", "DEPTH"},
}


def model_file_of(recipe):
    (name,) = (i for i in includes_of(recipe) if folder(i) == "models")
    return name


@each(RECIPES)
def test_recipe_parses_and_honours_every_knob(name):
    config.parse([name], entry="train")
    used = set(re.findall(r"%(\w+)", gin.config_str()))
    model_file = model_file_of(name)
    knobs = macros_set_in("base.gin") | macros_set_in(model_file)
    assert knobs - KNOBS_OF_OTHERS.get(model_file, set()) <= used


@each(RECIPES)
def test_recipe_is_called_like_its_file(name):
    config.parse([name], entry="train")
    assert gin.get_bindings("train")["recipe"] == Path(name).stem


@each(RECIPES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_fits_over_every_recipe(name, overlay):
    config.parse([name, overlay], entry="train")


@each(RECIPES)
def test_smoke_overlay_makes_a_recipe_small(name):
    config.parse([name, "runs/smoke.gin"], entry="train")
    bindings = gin.get_bindings("train", resolve_references=False)
    assert str(bindings["dataset"]) == "@SyntheticDataset()"
    assert gin.get_bindings("train")["batch_size"] == 2
    length = None if model_file_of(name) in KNOBS_OF_OTHERS else 16
    assert gin.get_bindings("train")["max_events"] == length
    assert gin.get_bindings("LoopOptions")["num_steps"] == 2


@each(RECIPES + OVERLAYS)
def test_commands_in_headers_exist(name):
    header = text_of(name).split("\n\n")[0].replace("\\\n#", "")
    commands = re.findall(r"bin/(\w+)\.py(.*)", header)
    assert "train" in [command for command, _ in commands]
    for command, arguments in commands:
        for flag, value in re.findall(r"--(\w+)=(\S+)", arguments):
            assert flag in flags_of(command)
            if flag == "gin_file":
                assert value in FILES
    if folder(name) == "recipes":
        assert f"--gin_file={name} " in header


# id -> (dropout, clip norm, attention, pitches, key, encoding)
MAGENTA = {
    "basic_rnn": (0.5, 5.0, 0, (48, 84), 0, "OneHotEncoding"),
    "mono_rnn": (0.5, 5.0, 0, (0, 128), None, "OneHotEncoding"),
    "lookback_rnn": (0.5, 5.0, 0, (48, 84), 0, "LookbackEncoding"),
    "attention_rnn": (0.5, 3.0, 40, (48, 84), 0, "KeyMelodyEncoding"),
}


@pytest.mark.parametrize("recipe", MAGENTA)
def test_hyper_parameters_are_magentas(recipe):
    dropout, clip, attention, pitches, key, encoding = MAGENTA[recipe]
    config.parse([f"recipes/melody_rnn/{recipe}.gin"], entry="train")
    model = gin.get_bindings("EventRnn")
    assert model["units"] == (128, 128)
    assert model["dropout"] == dropout
    assert model["attention_length"] == attention
    assert (model["cell"], model["residual"]) == ("lstm", False)
    codec = gin.get_bindings("MelodyCodec")
    assert (codec["min_pitch"], codec["max_pitch"]) == pitches
    assert codec["transpose_to_key"] == key
    assert gin.get_bindings("LoopOptions")["clip_norm"] == clip
    assert gin.get_bindings("train")["batch_size"] == 128
    assert gin.get_bindings("train")["augmentations"] == ()
    optimizer = gin.get_bindings("Adam")
    assert optimizer == {"learning_rate": 1e-3, "epsilon": 1e-8}
    factory = gin.get_bindings("train", resolve_references=False)["encoding"]
    assert str(factory) == f"@{encoding}"


@pytest.mark.parametrize("recipe", ["lookback_rnn", "attention_rnn"])
def test_look_back_is_magentas(recipe):
    config.parse([f"recipes/melody_rnn/{recipe}.gin"], entry="train")
    name, bits = {
        "lookback_rnn": ("LookbackEncoding", 5),
        "attention_rnn": ("KeyMelodyEncoding", 7),
    }[recipe]
    encoding = gin.get_bindings(name)
    assert encoding["lookback_distances"] == (16, 32)
    assert encoding["binary_counter_bits"] == bits


def test_entry_function_has_no_sizes_or_rates_of_its_own():
    defaults = {
        name: parameter.default
        for name, parameter in gin_checks.parameters_of("train").items()
        if isinstance(parameter.default, int | float)
    }
    assert defaults == {"seed": 0, "static_shapes": False}
    assert train.train is gin.get_configurable("train")
