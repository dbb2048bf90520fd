import itertools
import subprocess
import sys

import pytest
from pool_tasks import has_tensorflow, misbehave, print_and_return, square

from magenta_lite.data.worker_pool import Failure, map_in_processes


@pytest.mark.parametrize("num_workers", [1, 3])
def test_results_come_in_the_order_of_the_items(num_workers):
    results = map_in_processes(
        square, range(50), num_workers=num_workers, chunk_size=4
    )
    assert list(results) == [number * number for number in range(50)]


def test_no_items_start_no_process():
    assert list(map_in_processes(square, [])) == []


def test_a_bad_item_costs_itself_only():
    words = ["a", "hang", "b", "crash", "c", "raise", "d", "crash", "e"]
    results = list(
        map_in_processes(
            misbehave, words, num_workers=2, timeout_seconds=1.5, chunk_size=3
        )
    )
    assert [r for r in results if isinstance(r, str)] == list("ABCDE")
    failures = {
        word: result.reason
        for word, result in zip(words, results, strict=True)
        if isinstance(result, Failure)
    }
    assert failures == {
        "hang": "timed_out",
        "crash": "crashed",
        "raise": "reader_error",
    }
    assert results[5].message == "ValueError: no such note"


def test_a_greedy_item_runs_out_of_memory():
    first, second = map_in_processes(misbehave, ["eat", "a"], num_workers=1)
    assert first.reason == "out_of_memory"
    assert second == "A"


def test_items_are_read_as_they_are_needed():
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield number

    results = map_in_processes(square, endless(), num_workers=1, chunk_size=2)
    assert list(itertools.islice(results, 5)) == [0, 1, 4, 9, 16]
    results.close()
    assert len(taken) <= 5 + 4 * 2 + 2


def test_workers_do_not_load_tensorflow_and_stay_silent(capfd):
    assert list(map_in_processes(has_tensorflow, [0], num_workers=1)) == [False]
    assert list(map_in_processes(print_and_return, [7], num_workers=1)) == [7]
    assert "noise" not in "".join(capfd.readouterr())


def test_a_script_without_a_main_part_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from magenta_lite.data import worker_pool\n"
        "print(list(worker_pool.map_in_processes(str, [1, 2], 1)))\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode
    assert "needs `if __name__ == '__main__':`" in done.stderr


def test_the_item_that_failed_is_blamed_though_results_are_held_back():
    # All before "crash" have been read by then, and none of them sent.
    words = [*"abcdefg", "crash", "h"]
    results = list(
        map_in_processes(misbehave, words, num_workers=1, chunk_size=len(words))
    )
    assert results[:7] == list("ABCDEFG")
    assert results[7].reason == "crashed"
    assert results[8] == "H"
