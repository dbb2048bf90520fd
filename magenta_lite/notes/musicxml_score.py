"""A MusicXML score as text to a NoteSequence.

What it does as note_seq's reader does: one voice of time for all parts, chord
symbols as text annotations, repeats as written, 120 quarters a minute unless
the score says otherwise. What it does better:

* tied notes are one note;
* a minor key has its own tonic, not that of its major;
* parts are instruments of their own, with their names and General MIDI
  programs, whatever channels the file gives them;
* chord symbols of transposing instruments are transposed, not refused;
* a pitch such as Cb5 is a semitone below C5, not a seventh above;
* of two chord symbols at one place the first counts: nobody can play both;
* titles and composers are kept;
* an upbeat is no bar of a shorter meter: the meter stands at the beginning, and
  again where the first whole bar begins, wherever bars have shifted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from magenta_lite.notes.chord_figures import chord_figure
from magenta_lite.notes.proto import NoteSequence

_DEFAULT_QPM = 120.0
_DEFAULT_VELOCITY = 64
_RESOLUTION = 220
_PERCUSSION_CHANNEL = 10
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MAX_NOTES = 1_000_000
_MAX_RESOLUTION = 2**40


class _Place(NamedTuple):
    """A point in time: ticks after the start of a measure."""

    measure: int
    ticks: int


@dataclasses.dataclass(slots=True)
class _Note:
    place: _Place
    length: int
    pitch: int
    part: int
    voice: int
    velocity: int
    is_tied_on: bool
    is_tied_back: bool


@dataclasses.dataclass
class _Events:
    """All that happens in a score, by place.

    Times are in ticks, of which each division is a whole number.
    """

    ticks_per_quarter: int
    notes: list[_Note] = dataclasses.field(default_factory=list)
    tempos: dict[_Place, float] = dataclasses.field(default_factory=dict)
    meters: dict[_Place, tuple[int, int]] = dataclasses.field(
        default_factory=dict
    )
    keys: dict[_Place, tuple[int, int]] = dataclasses.field(
        default_factory=dict
    )
    chords: dict[_Place, str] = dataclasses.field(default_factory=dict)
    lengths: list[int] = dataclasses.field(default_factory=list)


def parse_score(data: bytes) -> NoteSequence:
    """Reads a score.

    Args:
      data: XML whose root is `score-partwise`.

    Raises:
      ValueError, ElementTree.ParseError: if it is not sound MusicXML.
    """
    root = ElementTree.fromstring(data)
    if root.tag != "score-partwise":
        raise ValueError(f"the root is {root.tag}, not score-partwise")
    sequence = NoteSequence(ticks_per_quarter=_RESOLUTION)
    source = sequence.source_info
    source.source_type = source.SCORE_BASED
    source.encoding_type = source.MUSIC_XML
    _add_names(sequence, root)
    events = _Events(_ticks_per_quarter(root))
    infos = {
        one.get("id"): one for one in root.iterfind("part-list/score-part")
    }
    players = []
    for number, part in enumerate(root.iterfind("part")):
        _PartReader(number, events).read(part)
        info = infos.get(part.get("id"))
        players.append(_add_part(sequence, number, info))
    _Writer(sequence, events).write(players)
    return sequence


def _add_names(sequence: NoteSequence, root: Element) -> None:
    title = _text(root, "work/work-title") or _text(root, "movement-title")
    if title:
        sequence.sequence_metadata.title = title
    for creator in root.iterfind("identification/creator"):
        name = " ".join((creator.text or "").split())
        if name and creator.get("type") == "composer":
            sequence.sequence_metadata.composers.append(name)


def _add_part(
    sequence: NoteSequence, number: int, info: Element | None
) -> tuple[int, bool]:
    """Names a part; returns its program, and whether it is percussion."""
    name = _text(info, "part-name") if info is not None else ""
    sequence.part_infos.add(part=number, name=name)
    if name:
        sequence.instrument_infos.add(instrument=number, name=name)
    if info is None:
        return 0, False
    program = int(_text(info, "midi-instrument/midi-program") or 1) - 1
    channel = _text(info, "midi-instrument/midi-channel")
    return min(max(program, 0), 127), channel == str(_PERCUSSION_CHANNEL)


class _PartReader:
    """Walks through the measures of one part."""

    def __init__(self, number: int, events: _Events) -> None:
        self._number = number
        self._events = events
        self._ticks_per_division = events.ticks_per_quarter
        self._transposition = 0
        self._velocity = _DEFAULT_VELOCITY
        self._measure = 0
        self._now = 0
        self._chord_start = 0
        self._readers = {
            "note": self._note,
            "backup": self._backup,
            "forward": self._forward,
            "attributes": self._attributes,
            "harmony": self._harmony,
            "direction": self._direction,
            "sound": self._sound,
        }

    def read(self, part: Element) -> None:
        """Adds all events of the part."""
        lengths = self._events.lengths
        for self._measure, measure in enumerate(part.iterfind("measure")):
            if self._measure == len(lengths):
                lengths.append(0)
            self._now = self._chord_start = 0
            for element in measure:
                reader = self._readers.get(element.tag)
                if reader:
                    reader(element)
                    lengths[self._measure] = max(
                        lengths[self._measure], self._now
                    )

    def _place(self) -> _Place:
        return _Place(self._measure, self._now)

    def _duration(self, element: Element) -> int:
        text = element.findtext("duration")
        if text is None:
            raise ValueError(f"a {element.tag} without a duration")
        return self._ticks(text)

    def _ticks(self, divisions: str) -> int:
        return round(float(divisions) * self._ticks_per_division)

    def _note(self, note: Element) -> None:
        if note.find("grace") is not None:
            return
        length = self._duration(note)
        if note.find("chord") is None:
            self._chord_start = self._now
            self._now += length
        pitch = note.find("pitch")
        if pitch is None or length <= 0 or note.find("cue") is not None:
            return
        number = _midi_number(pitch) + self._transposition
        if not 0 <= number <= 127:
            raise ValueError(f"a pitch of {number}")
        if len(self._events.notes) >= _MAX_NOTES:
            raise ValueError(f"more than {_MAX_NOTES} notes")
        ties = {tie.get("type") for tie in note.iterfind("tie")}
        self._events.notes.append(
            _Note(
                place=_Place(self._measure, self._chord_start),
                length=length,
                pitch=number,
                part=self._number,
                voice=_voice(note),
                velocity=self._velocity,
                is_tied_on="start" in ties,
                is_tied_back="stop" in ties,
            )
        )

    def _backup(self, element: Element) -> None:
        self._now = max(self._now - self._duration(element), 0)

    def _forward(self, element: Element) -> None:
        self._now += self._duration(element)

    def _attributes(self, attributes: Element) -> None:
        divisions = _text(attributes, "divisions")
        if divisions:
            self._ticks_per_division = (
                self._events.ticks_per_quarter // _divisions(divisions)
            )
        transpose = attributes.find("transpose")
        if transpose is not None:
            self._transposition = int(_text(transpose, "chromatic") or 0)
            octaves = int(_text(transpose, "octave-change") or 0)
            self._transposition += 12 * octaves
        beats = _text(attributes, "time/beats")
        beat_type = _text(attributes, "time/beat-type")
        if beats and beat_type:
            numerator = sum(int(part) for part in beats.split("+"))
            if numerator <= 0 or int(beat_type) <= 0:
                raise ValueError(f"the meter {beats}/{beat_type}")
            meter = numerator, int(beat_type)
            self._events.meters.setdefault(self._place(), meter)
        fifths = _text(attributes, "key/fifths")
        if fifths:
            is_minor = _text(attributes, "key/mode") == "minor"
            tonic = 7 * int(fifths) + 9 * is_minor + self._transposition
            key = tonic % 12, int(is_minor)
            self._events.keys.setdefault(self._place(), key)

    def _harmony(self, harmony: Element) -> None:
        offset = self._ticks(_text(harmony, "offset") or "0")
        place = _Place(self._measure, max(self._now + offset, 0))
        figure = chord_figure(harmony, self._transposition)
        self._events.chords.setdefault(place, figure)

    def _direction(self, direction: Element) -> None:
        for sound in direction.iterfind("sound"):
            self._sound(sound)

    def _sound(self, sound: Element) -> None:
        tempo, dynamics = sound.get("tempo"), sound.get("dynamics")
        if tempo is not None:
            qpm = float(tempo) or _DEFAULT_QPM
            if not 0 < qpm < 10_000:
                raise ValueError(f"a tempo of {tempo}")
            self._events.tempos.setdefault(self._place(), qpm)
        if dynamics is not None:
            self._velocity = min(max(int(float(dynamics)), 1), 127)


class _Writer:
    """Puts events at their times, in seconds."""

    def __init__(self, sequence: NoteSequence, events: _Events) -> None:
        self._sequence = sequence
        self._events = events
        self._starts = [0]
        for length in events.lengths:
            self._starts.append(self._starts[-1] + length)
        tempos = {0: _DEFAULT_QPM} | {
            self._at(place): qpm for place, qpm in sorted(events.tempos.items())
        }
        self._tempo_ticks = np.array(list(tempos), np.float64)
        self._qpm = np.array(list(tempos.values()))
        self._tick_seconds = 60 / self._qpm / events.ticks_per_quarter
        spans = np.diff(self._tempo_ticks) * self._tick_seconds[:-1]
        self._tempo_seconds = np.append(0.0, np.cumsum(spans))

    def write(self, players: list[tuple[int, bool]]) -> None:
        """Adds everything.

        Args:
          players: program and percussion of each part.
        """
        sequence, events = self._sequence, self._events
        for seconds, qpm in zip(self._tempo_seconds, self._qpm, strict=True):
            sequence.tempos.add(time=seconds, qpm=qpm)
        meters = list(self._meters())
        for time, (numerator, denominator) in zip(
            self._seconds(time for time, _ in meters),
            [meter for _, meter in meters],
            strict=True,
        ):
            sequence.time_signatures.add(
                time=time, numerator=numerator, denominator=denominator
            )
        for time, (key, mode) in self._timed(events.keys):
            sequence.key_signatures.add(time=time, key=key, mode=mode)
        for time, text in self._timed(events.chords):
            sequence.text_annotations.add(
                time=time,
                text=text,
                annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL,
            )
        self._add_notes(players)

    def _at(self, place: _Place) -> int:
        """Ticks from the start of the score."""
        return self._starts[place.measure] + place.ticks

    def _seconds(self, ticks: Iterable[int]) -> list[float]:
        at = np.array([float(tick) for tick in ticks])
        part = np.searchsorted(self._tempo_ticks, at, side="right") - 1
        since = at - self._tempo_ticks[part]
        seconds = self._tempo_seconds[part] + since * self._tick_seconds[part]
        return seconds.tolist()

    def _timed(self, by_place: dict) -> Iterator[tuple[float, Any]]:
        places = sorted(by_place)
        times = self._seconds(self._at(place) for place in places)
        for place, time in zip(places, times, strict=True):
            yield time, by_place[place]

    def _meters(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """Meters, and again where whole bars are not where it puts them."""
        changes = {
            self._at(place): meter
            for place, meter in sorted(self._events.meters.items())
        }
        whole = 4 * self._events.ticks_per_quarter
        meter: tuple[int, int] | None = None
        anchor = bar = 0
        for start, length in zip(
            self._starts[:-1], self._events.lengths, strict=True
        ):
            if changes.get(start, meter) != meter:
                meter, anchor = changes[start], start
                bar = whole * meter[0] // meter[1]
                yield start, meter
            elif meter and length >= bar and (start - anchor) % bar:
                anchor = start
                yield start, meter

    def _add_notes(self, players: list[tuple[int, bool]]) -> None:
        notes = list(self._tied())
        starts = self._seconds(start for _, start, _ in notes)
        ends = self._seconds(end for _, _, end in notes)
        total = self._seconds(self._starts[-1:])[0]
        self._sequence.total_time = max([total, *ends])
        add = self._sequence.notes.add
        for (note, begin, stop), start, end in zip(
            notes, starts, ends, strict=True
        ):
            program, is_drum = players[note.part]
            whole_notes = Fraction(
                stop - begin, 4 * self._events.ticks_per_quarter
            )
            add(
                start_time=start,
                end_time=end,
                pitch=note.pitch,
                velocity=note.velocity,
                instrument=note.part,
                program=program,
                is_drum=is_drum,
                part=note.part,
                voice=note.voice,
                numerator=whole_notes.numerator,
                denominator=whole_notes.denominator,
            )

    def _tied(self) -> Iterator[tuple[_Note, int, int]]:
        """Notes with start and end in ticks; tied ones are one."""
        rows: list[list] = []
        open_ties: dict[tuple, int] = {}
        for note in self._events.notes:
            start = self._at(note.place)
            end = start + note.length
            row = None
            if note.is_tied_back:
                row = open_ties.pop((note.part, note.pitch, start), None)
            if row is None:
                row = len(rows)
                rows.append([note, start, end])
            rows[row][2] = end
            if note.is_tied_on:
                open_ties[note.part, note.pitch, end] = row
        for note, start, end in rows:
            yield note, start, end


def _ticks_per_quarter(root: Element) -> int:
    """A resolution of which all divisions of a score are parts."""
    texts = {one.text or "" for one in root.iter("divisions")}
    resolution = math.lcm(*(_divisions(text) for text in texts))
    if resolution > _MAX_RESOLUTION:
        raise ValueError(f"{resolution} ticks to a quarter")
    return resolution


def _divisions(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError(f"{text} divisions of a quarter")
    return number


def _text(element: Element, path: str) -> str:
    return " ".join((element.findtext(path) or "").split())


def _midi_number(pitch: Element) -> int:
    """The MIDI number of a `<pitch>`; quarter tones are rounded down."""
    step = _text(pitch, "step")
    if step not in _STEPS:
        raise ValueError(f"the step {step!r} of a pitch")
    alter = math.floor(float(_text(pitch, "alter") or 0))
    return 12 * (int(_text(pitch, "octave")) + 1) + _STEPS[step] + alter


def _voice(note: Element) -> int:
    text = _text(note, "voice")
    return int(text) if text.isdecimal() else 1
