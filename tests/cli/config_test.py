import sys

import gin
import pytest

from magenta_lite import paths
from magenta_lite.cli import config
from magenta_lite.cli.gin_checks import ConfigError
from magenta_lite.errors import UserError

BASIC = "recipes/melody_rnn/basic_rnn.gin"


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


def bound(name, parameter):
    value = gin.get_bindings(name)[parameter]
    return value


def fails(*files, params=()):
    with pytest.raises(ConfigError) as error:
        config.parse(files, params, entry="train")
    message = str(error.value)
    assert "\n" not in message
    return message


def write(path, text):
    path.write_text(text)
    return str(path)


def test_later_files_win_and_parameters_win_over_files(tmp_path):
    other = write(tmp_path / "other.gin", "BATCH_SIZE = 7\nNUM_STEPS = 9\n")
    config.parse([BASIC, other], ["NUM_STEPS=11"], entry="train")
    assert bound("train", "batch_size") == 7
    assert bound("LoopOptions", "num_steps") == 11
    assert bound("Adam", "learning_rate") == 1e-3


def test_parsing_starts_afresh():
    config.parse([BASIC], ["SEED=5"], entry="train")
    config.parse([BASIC], entry="train")
    assert bound("train", "seed") == 0


def test_files_are_found_in_gins_folder_then_as_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine.gin", "SEED = 3\n")
    (tmp_path / "recipes" / "melody_rnn").mkdir(parents=True)
    write(tmp_path / BASIC, "this is not gin")
    write(tmp_path / "base.gin", "neither is this")
    config.parse([BASIC, "mine.gin"], entry="train")
    assert bound("train", "seed") == 3
    absolute = str(paths.gin_dir() / BASIC)
    config.parse([absolute, str(tmp_path / "mine.gin")], entry="train")
    assert bound("train", "seed") == 3


def test_own_recipe_can_include_a_shipped_one(tmp_path):
    mine = write(
        tmp_path / "mine.gin",
        f'include "{BASIC}"\ntrain.recipe = "mine"\nWIDTH = 16\n',
    )
    config.parse([mine], entry="train")
    assert bound("train", "recipe") == "mine"
    assert bound("layer_sizes", "width") == 16


@pytest.mark.parametrize(
    "name, similar",
    [
        ("recipes/melody_rnn/basic_rn.gin", BASIC),
        ("basic_rnn.gin", BASIC),
        ("basic_rnn", BASIC),
    ],
)
def test_missing_file_names_similar_ones(name, similar):
    message = fails(name)
    assert repr(name) in message
    assert f"did you mean {similar}" in message


def test_missing_include_is_told_with_its_place(tmp_path):
    mine = write(tmp_path / "m.gin", '\ninclude "recipes/melody_rnn/basc.gin"')
    message = fails(mine)
    assert f"{mine}:2" in message
    assert "'recipes/melody_rnn/basc.gin'" in message
    assert BASIC in message


@pytest.mark.parametrize(
    "text, line",
    [
        ("SEED = 1\ntrain.batch_size == 3\n", 2),
        ("SEED = 1\n\nBATCH_SIZE = many\n", 3),
    ],
)
def test_syntax_error_names_file_and_line(tmp_path, text, line):
    mine = write(tmp_path / "mine.gin", text)
    message = fails(BASIC, mine)
    assert f"{mine}:{line}: syntax error" in message


def test_unclosed_bracket_names_file_and_line(tmp_path):
    mine = write(tmp_path / "mine.gin", "BATCH_SIZE = (1,\n")
    message = fails(BASIC, mine)
    # Python 3.12 and later see the end on the last line, 3.11 behind it.
    line = 1 if sys.version_info >= (3, 12) else 2
    assert f"{mine}:{line}: syntax error" in message


def test_syntax_error_on_the_command_line():
    assert "--gin_param='BATCH_SIZE=(1'" in fails(
        BASIC, params=["BATCH_SIZE=(1"]
    )
    assert "BATCH_SIZE=x" in fails(BASIC, params=["BATCH_SIZE=x"])


@pytest.mark.parametrize(
    "binding, similar",
    [
        ("EventRn.dropout = 0.1", "EventRnn"),
        ("train.optimizer = @Adm", "Adam"),
        ("EventRnn.drop_out = 0.1", "dropout"),
        ("train.batchsize = 3", "batch_size"),
    ],
)
def test_unknown_name_names_similar_ones(tmp_path, binding, similar):
    message = fails(BASIC, params=[binding])
    assert f"did you mean {similar}" in message
    mine = write(tmp_path / "mine.gin", f"SEED = 1\n{binding}\n")
    message = fails(BASIC, mine)
    assert f"{mine}:2" in message
    assert f"did you mean {similar}" in message


def test_missing_module_is_named(tmp_path):
    mine = write(tmp_path / "mine.gin", "import magenta_lite.modles.x\n")
    message = fails(BASIC, mine)
    assert f"{mine}:1" in message
    assert "magenta_lite.modles" in message


def test_misspelt_macro_is_an_error(tmp_path):
    message = fails(BASIC, params=["BATCHSIZE=3"])
    assert "BATCHSIZE is set, but nothing" in message
    assert "did you mean BATCH_SIZE" in message
    mine = write(tmp_path / "mine.gin", "LERNING_RATE = 0.1\n")
    message = fails(BASIC, mine)
    assert message.startswith(mine)
    assert "did you mean LEARNING_RATE" in message


def test_knobs_of_an_overridden_binding_are_no_mistake():
    units = "EventRnn.units = (4, 6)"
    config.parse([BASIC], [units], entry="train")
    assert bound("EventRnn", "units") == (4, 6)
    config.parse([BASIC, "runs/smoke.gin"], [units], entry="train")


def test_macro_that_is_used_but_not_set():
    message = fails(BASIC, params=["train.batch_size = %BATCHES"])
    assert "%BATCHES is used but never set" in message
    assert "BATCH_SIZE" in message


def test_percent_signs_in_strings_are_no_macros():
    config.parse([BASIC], ['train.recipe = "100%WET"'], entry="train")
    assert bound("train", "recipe") == "100%WET"


def test_essentials_must_be_set():
    assert "train.codec must be set" in fails("base.gin")
    assert "NUM_STEPS must be set" in fails(
        BASIC, params=["NUM_STEPS = %gin.REQUIRED"]
    )
    assert "train.recipe must be set" in fails("models/event_rnn.gin")


@pytest.mark.parametrize(
    "binding, wrong, wanted",
    [
        ("BATCH_SIZE='many'", "train.batch_size", "int"),
        ("BATCH_SIZE=2.5", "train.batch_size", "int"),
        ("EventRnn.dropout='half'", "EventRnn.dropout", "float"),
        ("EventRnn.residual=1", "EventRnn.residual", "bool"),
        ("EventRnn.units=(8, 'x')", "EventRnn.units", "tuple[int, ...]"),
        ("PATIENCE='long'", "LoopOptions.patience", "int | None"),
        ("MelodyCodec.min_pitch=None", "MelodyCodec.min_pitch", "int"),
    ],
)
def test_value_of_the_wrong_type(binding, wrong, wanted):
    message = fails(BASIC, params=[binding])
    assert message.startswith(f"{wrong} cannot be ")
    assert f"it must be {wanted}." in message


@pytest.mark.parametrize(
    "binding",
    [
        "PATIENCE=None",
        "CLIP_NORM=1",
        "EventRnn.units=[8, 9]",
        "MelodyCodec.transpose_to_key=None",
    ],
)
def test_values_that_fit_in_another_way(binding):
    config.parse([BASIC], [binding], entry="train")


def test_value_that_a_component_refuses():
    @gin.configurable
    def build(option, model=gin.REQUIRED):
        return model(option)

    @gin.register
    def picky(option):
        raise ValueError(f"{option} is nothing\nfor me")

    config.parse([], ["build.model=@picky"], entry="build")
    with pytest.raises(ConfigError, match="picky: x is nothing$"):
        config.call(build, option="x")


def test_user_error_of_the_entry_function_stays_one_line():
    @gin.configurable
    def refusing(option=gin.REQUIRED):
        raise UserError("no such thing.")

    config.parse([], ["refusing.option=1"], entry="refusing")
    with pytest.raises(UserError) as error:
        config.call(refusing)
    assert str(error.value) == "no such thing."


def test_os_error_of_the_entry_function_stays_one_line(tmp_path):
    missing = tmp_path / "missing"

    @gin.configurable
    def reading(option=gin.REQUIRED):
        missing.read_text()

    config.parse([], ["reading.option=1"], entry="reading")
    with pytest.raises(UserError) as error:
        config.call(reading)
    assert str(error.value) == f"No such file or directory: '{missing}'"


def test_bug_in_the_entry_function_keeps_its_traceback():
    @gin.configurable
    def broken(option=gin.REQUIRED):
        raise ValueError("a bug")

    config.parse([], ["broken.option=1"], entry="broken")
    with pytest.raises(ValueError, match="a bug") as error:
        config.call(broken)
    assert not isinstance(error.value, ConfigError)
