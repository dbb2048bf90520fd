"""Real processes: the same run in many places, and runs that are killed.

The scripts of benchmarks/ do it; here they run small.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

NUM_KILLS = os.environ.get("MAGENTA_LITE_NUM_KILLS", "3")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_script(name, tmp_path, *arguments):
    output = tmp_path / "result.json"
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "benchmarks" / f"{name}.py",
            f"--output_json={output}",
            *arguments,
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(output.read_text())


@pytest.mark.slow
def test_run_is_the_same_wherever_it_trains(tmp_path):
    result = run_script("equivalence", tmp_path)
    ways = {"one", "mirrored x2", "workers x2", "workers x3"}
    families = {path.name for path in (ROOT / "gin" / "recipes").iterdir()}
    assert set(result["differences"]) == families
    for family, differences in result["differences"].items():
        assert set(differences) == ways
        # Four training losses and two of validation, which do change.
        losses = result["losses"]["one"][family]
        assert len(losses) == 6 and len(set(losses)) == 6
        for way, difference in differences.items():
            assert difference < 1e-4, (family, way)


@pytest.mark.slow
def test_killed_runs_end_as_if_nobody_had_disturbed_them(tmp_path):
    result = run_script("kill_and_resume", tmp_path, f"--num_kills={NUM_KILLS}")
    assert result["equal"] and result["all_readable"]
    assert len(result["kills"]) == int(NUM_KILLS)
    # Half-written ones are removed: no more than one of each kind at a time.
    bound = 2 * result["undisturbed_checkpoint_bytes"]
    assert result["largest_checkpoint_bytes"] <= bound
