import itertools

from hypothesis import given
from hypothesis import strategies as st

from magenta_lite.datasets.folk_tunes.versions import contour, group_versions
from magenta_lite.notes.proto import NoteSequence


def sequence_of(pitches, seconds=0.5):
    sequence = NoteSequence()
    for index, pitch in enumerate(pitches):
        sequence.notes.add(
            pitch=pitch,
            start_time=index * seconds,
            end_time=(index + 1) * seconds,
        )
    return sequence


def test_contour_is_the_steps_of_the_top_line():
    sequence = sequence_of([60, 62, 59])
    sequence.notes.add(pitch=50, start_time=0.5, end_time=1.0)
    sequence.notes.add(pitch=99, start_time=0.7, end_time=1.0, instrument=1)
    assert contour(sequence) == bytes([128 + 2, 128 - 3])


def test_a_sequence_without_notes_has_an_empty_contour():
    assert contour(NoteSequence()) == b""


@given(
    st.lists(st.integers(20, 100), max_size=30),
    st.integers(-20, 20),
    st.sampled_from([0.1, 0.25, 1.0]),
)
def test_contour_is_the_same_in_every_key_and_at_every_speed(
    pitches, shift, seconds
):
    moved = sequence_of([pitch + shift for pitch in pitches], seconds)
    assert contour(moved) == contour(sequence_of(pitches))


def test_pieces_with_enough_in_common_are_grouped():
    # 20 intervals make 13 runs of 8. A change at position 7 leaves the five
    # runs from 8 on: 5 / 13 = 38 %; a change at 9 leaves five, too. Changes at
    # 7 and 15 leave none.
    piece = bytes(range(100, 120))

    def changed(*positions, to):
        return bytes(
            to if index in positions else value
            for index, value in enumerate(piece)
        )

    contours = [
        piece,
        bytes(20),
        changed(7, to=1),
        changed(9, to=2),
        changed(7, 15, to=3),
    ]
    assert group_versions(contours, [()] * 5) == [0, 1, 0, 0, 4]


def test_pieces_with_too_little_in_common_are_not_grouped():
    # Of 13 runs, changes at 8 and 19 leave 0 and 9 to 11: four, 31 %; changes
    # at 8 and 18 leave 0, 9 and 10: three, 23 %.
    piece = bytearray(range(100, 120))
    for last, groups in ((19, [0, 0]), (18, [0, 1])):
        other = bytearray(piece)
        other[8] = other[last] = 1
        assert (
            group_versions([bytes(piece), bytes(other)], [(), ()]) == groups
        ), last


def test_a_shared_label_groups_and_chains():
    labels = [["a"], ["b"], ["c", "a"], [], ["b", "c"]]
    contours = [bytes([n]) * 12 for n in range(5)]
    assert group_versions(contours, labels) == [0, 0, 0, 3, 0]


def test_what_very_many_pieces_share_does_not_group_them():
    common = bytes(range(8))
    contours = [
        common + bytes([100 + n % 100, n // 100]) * 6 for n in range(201)
    ]
    assert group_versions(contours, [()] * 201) == list(range(201))


@given(st.lists(st.binary(max_size=14), max_size=12))
def test_equal_melodies_are_always_in_one_group(contours):
    groups = group_versions(contours, [()] * len(contours))
    for one, other in itertools.combinations(range(len(contours)), 2):
        if contours[one] == contours[other]:
            assert groups[one] == groups[other]
    assert all(group <= index for index, group in enumerate(groups))
