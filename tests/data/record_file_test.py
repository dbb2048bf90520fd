import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_lite.data import reading_log
from magenta_lite.data.piece_records import decode_results, encode_results
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.data.record_file import RecordFile, open_unbuffered


def opened(path):
    return RecordFile(open_unbuffered(path))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_wherever_the_file_is_cut_whole_records_are_kept(
    tmp_path_factory, records, data
):
    path = tmp_path_factory.mktemp("records") / "file"
    file = opened(path)
    ends = [0]
    for record in records:
        file.append(record)
        file.flush()
        ends.append(path.stat().st_size)
    cut = data.draw(st.integers(0, ends[-1]))
    with path.open("r+b") as raw:
        raw.truncate(cut)
    num_whole = sum(end <= cut for end in ends) - 1
    again = opened(path)
    assert list(again.records()) == records[:num_whole]
    again.append(b"new")
    again.flush()
    assert list(opened(path).records()) == [*records[:num_whole], b"new"]


def test_a_damaged_record_and_all_behind_it_are_dropped(tmp_path):
    file = opened(tmp_path / "file")
    for record in (b"first", b"second", b"third"):
        file.append(record)
    file.flush()
    data = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(data.replace(b"second", b"sEcond"))
    assert list(opened(tmp_path / "file").records()) == [b"first"]


def test_readers_do_not_disturb_each_other_or_the_writer(tmp_path):
    file = opened(tmp_path / "file")
    for number in range(10):
        file.append(bytes([number]))
    odd = file.records(lambda index: index % 2 == 1)
    assert next(odd) == b"\1"
    assert next(file.records()) == b"\0"
    file.append(b"more")
    assert next(odd) == b"\3"
    assert list(file.records())[-1] == b"more"


def test_results_come_back_as_they_were():
    results = [
        Piece(
            "a\udce9", b"\n\n", {"title": "é\n"}, 3, 0.1, "g", "test", b"\n1"
        ),
        Reject("b.mid", "not_midi", "no\nheader"),
        Piece("c", b"", {}, 0, 0.0, histograms={"pitch": {"60": 2}}),
    ]
    assert decode_results(encode_results(results)) == results
    assert decode_results(encode_results([])) == []


def test_a_log_is_continued_only_under_the_same_key(tmp_path):
    log = reading_log.ReadingLog(tmp_path, "key")
    for number in range(3):
        log.append(encode_results([Reject(str(number), "r", "m")]))
    again = reading_log.ReadingLog(tmp_path, "key")
    assert again.num_items == 3
    assert [r.id for r in again.results()] == ["0", "1", "2"]
    other = reading_log.ReadingLog(tmp_path, "other key")
    assert other.num_items == 0
    assert list(other.results()) == []


def test_the_fingerprint_of_the_code_covers_the_builder():
    from magenta_lite.datasets.folk_tunes import tunes
    from magenta_lite.datasets.note_sequence_folder import files

    one = reading_log.code_fingerprint(tunes)
    assert one == reading_log.code_fingerprint(tunes)
    assert one != reading_log.code_fingerprint(files)


def test_a_full_disk_is_an_error_and_keeps_what_was_whole(tmp_path):
    class Full:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def write(self, data):
            self._file.write(bytes(data[:5]))
            raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    file = opened(path)
    file.append(b"first")
    file.flush()
    full = RecordFile(Full(open_unbuffered(path)))
    full.append(b"second")
    with pytest.raises(OSError, match="No space"):
        full.flush()
    assert list(opened(path).records()) == [b"first"]
