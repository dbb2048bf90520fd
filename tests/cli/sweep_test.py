import gin
import pytest
from cli_fixture import run_command

from magenta_lite.cli import sweep
from magenta_lite.cli.sweep_cells import Cell, make_cells, split_values
from magenta_lite.cli.sweep_table import Outcome, format_table, write_table
from magenta_lite.errors import UserError


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


@pytest.mark.parametrize(
    "text, values",
    [
        ("1e-3,3e-4", ["1e-3", "3e-4"]),
        ("(1, 2),(3,)", ["(1, 2)", "(3,)"]),
        ("'a,b', \"c\"", ["'a,b'", '"c"']),
        ("@Adam,@SGD", ["@Adam", "@SGD"]),
        ("None", ["None"]),
        ("(@A(), @B()),()", ["(@A(), @B())", "()"]),
    ],
)
def test_values_part_at_commas_outside_of_brackets(text, values):
    assert split_values(text) == values


def test_cells_are_all_combinations():
    cells = make_cells(["a/x.gin,a/y.gin"], ["LR=1e-3,3e-4", "W=(1, 2)"])
    assert [cell.name for cell in cells] == [
        "x+LR=1e-3+W=_1+_2_",
        "x+LR=3e-4+W=_1+_2_",
        "y+LR=1e-3+W=_1+_2_",
        "y+LR=3e-4+W=_1+_2_",
    ]
    assert cells[0] == Cell(("a/x.gin",), ("LR=1e-3", "W=(1, 2)"))


@pytest.mark.parametrize(
    "grid, advice",
    [("LR", "no binding"), ("LR=", "no binding"), ("A=1,1", "more")],
)
def test_grids_that_make_no_sense(grid, advice):
    with pytest.raises(UserError, match=advice):
        make_cells([], [grid])


OUTCOMES = [
    Outcome(Cell((), ("A=1",)), "failed", message="train: error:\n no"),
    Outcome(Cell((), ("A=2",)), "finished", 1.5, 20, 30),
    Outcome(Cell((), ("A=3",)), "interrupted", 0.5, 10, 15),
]


def test_table_is_sorted_by_validation_loss(tmp_path):
    write_table(tmp_path / "sweep.tsv", OUTCOMES)
    rows = [
        line.split("\t")
        for line in (tmp_path / "sweep.tsv").read_text().splitlines()
    ]
    assert rows[1:] == [
        ["0.5000", "10", "15", "interrupted", "A=3", ""],
        ["1.5000", "20", "30", "finished", "A=2", ""],
        ["", "", "0", "failed", "A=1", "train: error: no"],
    ]
    assert format_table(OUTCOMES).splitlines()[1].split() == [
        "0.5000",
        "10",
        "15",
        "interrupted",
        "A=3",
    ]


def test_flags_that_must_be_given(tmp_path):
    with pytest.raises(UserError, match="give --sweep_dir"):
        run_command(sweep)
    with pytest.raises(UserError, match="give --grid"):
        run_command(sweep, f"--sweep_dir={tmp_path}")


@pytest.mark.slow
def test_failed_cells_are_told_and_tried_again(tmp_path, capsys):
    arguments = [
        f"--sweep_dir={tmp_path / 'sweep'}",
        f"--data_dir={tmp_path / 'data'}",
        "--gin_file=recipes/melody_rnn/basic_rnn.gin",
        "--gin_file=runs/smoke.gin",
        "--grid=EventRnn.cell='gru','gur'",
    ]
    with pytest.raises(UserError, match="1 of 2 cells failed.*cell is 'gur'"):
        run_command(sweep, *arguments)
    table = (tmp_path / "sweep" / "sweep.tsv").read_text()
    good, bad = (line.split("\t") for line in table.splitlines()[1:])
    assert (good[2], good[3]) == ("2", "finished") and float(good[0]) > 0
    assert (bad[0], bad[3]) == ("", "failed")
    assert "cell is 'gur'" in bad[5]
