"""Several instruments, each a performance on a fine grid, in short clips."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

import gin
import numpy as np

from magenta_lite.codecs import clips, metric_grid, performed_notes
from magenta_lite.codecs import track_events as tracks_lib
from magenta_lite.codecs.base import DecodeContext, Extraction
from magenta_lite.codecs.metric_grid import MAX_PRIMER_STEPS
from magenta_lite.codecs.performed_notes import NUM_PITCHES
from magenta_lite.codecs.track_events import ClipSection, Track, TrackEvents
from magenta_lite.errors import UserError
from magenta_lite.notes import quantize
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import DEFAULT_QPM, QuantizedNotes
from magenta_lite.notes.sustain import sustained_notes


@gin.register
@dataclasses.dataclass(frozen=True)
class MultiTrackClipCodec(clips.ClipCodec):
    """A clip is a row of tracks, each a row of events, all one after another.

    A track begins with its program and has the events of `PerformanceCodec`,
    on a grid of the beat; then comes an END, and padding up to
    `max_track_events`. A track that is missing is an END alone. Tracks are in
    order of their programs, drums last; notes end with the clip. As in
    Magenta's `MultiInstrumentPerformanceConverter`.

    Time passes within each track, so that events do not follow each other in
    time: the steps of this codec are events, evenly spread over the clip.

    Attributes:
      num_velocity_bins: bins that share the velocities from 1 to 127.
      steps_per_quarter: resolution of the grid.
      num_bars: length of a clip, in bars of four quarters. Clips do not
        overlap.
      min_tracks: clips of fewer instruments are left out.
      max_tracks: so are those of more.
      max_track_events: and those with a longer track, program and END
        included.
      min_events: and those of fewer events in all.
      max_clips: see `ClipCodec`.
    """

    num_velocity_bins: int = 8
    steps_per_quarter: int = 24
    num_bars: int = 1
    min_tracks: int = 2
    max_tracks: int = 8
    max_track_events: int = 64
    min_events: int = 8
    max_clips: int | None = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        clips.check(name, self.num_bars, self.max_clips)
        performed_notes.check_codec(
            name,
            self.num_velocity_bins,
            None,
            steps_per_quarter=self.steps_per_quarter,
            min_tracks=self.min_tracks,
            max_tracks=self.max_tracks,
        )
        if self.max_tracks < self.min_tracks:
            raise UserError(f"{name}: max_tracks is less than min_tracks")
        if self.max_track_events < tracks_lib.NUM_MARKS + 1:
            raise UserError(f"{name}: max_track_events is too small")

    @property
    def num_events(self) -> int:
        """Events of performances, programs, END and padding."""
        return self._events.num_events

    @property
    def num_clip_events(self) -> int:
        """All tracks with their padding."""
        return self.max_tracks * self.max_track_events

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections and clips."""
        name = type(self).__name__
        return clips.REJECT_REASONS | {
            "no_notes": "a piece without notes",
            "bad_note": "a clip with a note above pitch 127",
            "mixed_track": "a clip in which one instrument plays several "
            "programs, or drums and others",
            "too_few_tracks": "a clip of fewer instruments than "
            f"{name}.min_tracks = {self.min_tracks}",
            "too_many_tracks": "a clip of more instruments than "
            f"{name}.max_tracks = {self.max_tracks}",
            "too_many_events": "a clip with a track of more events than "
            f"{name}.max_track_events = {self.max_track_events}",
            "too_few_events": "a clip of fewer events than "
            f"{name}.min_events = {self.min_events}",
        }

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Cuts a piece into clips, from each change of time on.

        Args:
          sequence: any NoteSequence that is not quantised; notes last as long
            as the pedal holds them.
        """
        rejects: collections.Counter = collections.Counter()
        found = [
            self._clip(tracks)
            for section in self._sections(sequence, rejects)
            for _, tracks in self._usable(section, rejects)
        ]
        return clips.finish(found, rejects, "no_notes")

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes a primer from time zero, one clip after the other.

        Args:
          sequence: the primer, with one tempo and one time signature.
          num_steps: how many events there are to be, since the steps of this
            codec are events.

        Returns:
          Whole clips, or `num_steps` events, and the context.

        Raises:
          UserError: if tempo or time signature change, there are too many
            instruments or events, or the primer is longer than `num_steps`.
        """
        rejects: collections.Counter = collections.Counter()
        sections = [*self._sections(sequence, rejects)]
        if rejects or len(sections) > 1:
            reason = next(iter(rejects), "multiple_tempos")
            raise UserError(f"primer: {self.reject_reasons[reason]}")
        parts = [np.zeros([0, *self.event_shape], np.int32)]
        for section in sections:
            parts += self._primer_clips(sequence, section)
        events = np.concatenate(parts)
        if num_steps is not None:
            metric_grid.fill_primer(0, len(events), num_steps)
            missing = max(1, num_steps) - len(events)
            rests = self._rests()
            repeats = -(-missing // len(rests))
            more = np.concatenate([rests] * max(1, repeats))[:missing]
            events = np.concatenate([events, more])
        qpm = sequence.tempos[0].qpm if sequence.tempos else DEFAULT_QPM
        return events, DecodeContext(qpm=qpm)

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into one instrument for each track.

        Track i of every clip is instrument i; its program is the first that a
        clip's track names, 0 if it names none. Notes end with their clip.

        Args:
          events: integers `[time]`; clips follow each other in time.
          context: where they lie in time and pitch.

        Raises:
          ValueError: if an event is not in `[0, num_events)`.
        """
        events = np.asarray(events)
        if len(events) and not (
            0 <= events.min() and events.max() < self.num_events
        ):
            raise ValueError(f"events must be in 0 to {self.num_events - 1}")
        context = context or DecodeContext()
        sequence = context.new_sequence()
        step_seconds = 60.0 / context.qpm / self.steps_per_quarter
        first_seconds = context.start_step / self.steps_per_second(context.qpm)
        for start in range(0, len(events), self.max_track_events):
            row = events[start : start + self.max_track_events]
            clip, place = divmod(
                start // self.max_track_events, self.max_tracks
            )
            seconds = first_seconds + clip * self._clip_steps * step_seconds
            track = self._events.decode(row, self._clip_steps, context)
            _add_track(sequence, track, place, seconds, step_seconds, context)
        sequence.total_time = max(
            (n.end_time for n in sequence.notes), default=0
        )
        return sequence

    def pitch_table(self) -> np.ndarray:
        """Pitches of the starts of notes, drums aside; see `Codec`."""
        return self._events.pitch_table()

    def steps_per_second(self, qpm: float) -> float:
        """How many events there are for each second of a clip."""
        quarters = self.num_bars * clips.QUARTERS_PER_BAR
        return self.num_clip_events * qpm / 60.0 / quarters

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), num_events]`: all but drums move."""
        return self._events.transposition_table(shifts)

    @property
    def _events(self) -> TrackEvents:
        return TrackEvents(
            clips.QUARTERS_PER_BAR * self.steps_per_quarter,
            self.num_velocity_bins,
        )

    @property
    def _clip_steps(self) -> int:
        return self.num_bars * clips.QUARTERS_PER_BAR * self.steps_per_quarter

    def _sections(
        self, sequence: NoteSequence, rejects: collections.Counter
    ) -> Iterator[ClipSection]:
        """The sections of a piece, cut into clips."""
        info = sequence.quantization_info
        if info.steps_per_quarter or info.steps_per_second:
            rejects["other_steps_per_quarter"] += 1
            return
        sections = quantize.split_on_time_changes(
            sequence, sustained_notes(sequence)
        )
        for section in sections:
            try:
                yield tracks_lib.quantize_clips(
                    section, self.num_bars, self.steps_per_quarter
                )
            except quantize.QuantizeError as error:
                rejects[error.reason] += 1

    def _usable(
        self, section: ClipSection, rejects: collections.Counter
    ) -> Iterator[tuple[int, list[Track]]]:
        """Number and tracks of every clip that is not left out."""
        for number in np.unique(section.clip).tolist():
            tracks, reason = self._tracks(section.notes_of(number))
            reason = reason or self._reason_to_discard(tracks)
            if reason:
                rejects[reason] += 1
            else:
                yield number, tracks

    def _primer_clips(
        self, sequence: NoteSequence, section: ClipSection
    ) -> Iterator[np.ndarray]:
        """Every clip of a primer, those without notes included."""
        del sequence
        for _, tracks in self._primer_tracks(section):
            yield self._clip(tracks)

    def _primer_tracks(
        self, section: ClipSection
    ) -> Iterator[tuple[int, list[Track]]]:
        last = int(section.clip.max(initial=-1))
        if last >= MAX_PRIMER_STEPS // self.num_clip_events:
            raise UserError("the primer is too long")
        for number in range(last + 1):
            tracks, reason = self._tracks(section.notes_of(number))
            if len(tracks) > self.max_tracks:
                reason = reason or "too_many_tracks"
            if reason:
                raise UserError(f"primer: {self.reject_reasons[reason]}")
            yield number, tracks

    def _tracks(self, notes: QuantizedNotes) -> tuple[list[Track], str | None]:
        """The tracks of one clip in order; or what is wrong with it."""
        pitch = notes.notes.pitch
        if ((pitch < 0) | (pitch >= NUM_PITCHES)).any():
            return [], "bad_note"
        tracks = []
        for instrument in np.unique(notes.notes.instrument).tolist():
            own = notes.take(notes.notes.instrument == instrument)
            track = self._events.encode(own, self._clip_steps)
            if track is None:
                return [], "mixed_track"
            tracks.append(track)
        if any(
            len(track.events) > self.max_track_events - tracks_lib.NUM_MARKS
            for track in tracks
        ):
            return tracks, "too_many_events"
        return sorted(tracks, key=lambda track: track.program), None

    def _rests(self) -> np.ndarray:
        """A clip without tracks."""
        return self._clip([])

    def _reason_to_discard(self, tracks: list[Track]) -> str | None:
        if len(tracks) < self.min_tracks:
            return "too_few_tracks"
        if len(tracks) > self.max_tracks:
            return "too_many_tracks"
        if sum(len(track.events) for track in tracks) < self.min_events:
            return "too_few_events"
        return None

    def _clip(self, tracks: list[Track]) -> np.ndarray:
        """int32 `[num_clip_events]`."""
        rows = np.full(
            [self.max_tracks, self.max_track_events], tracks_lib.PAD, np.int32
        )
        for row, track in zip(rows, tracks, strict=False):
            marked = self._events.marked(track)
            row[: len(marked)] = marked
        rows[len(tracks) :, 0] = self._events.end
        return rows.reshape([-1])


def _add_track(
    sequence: NoteSequence,
    track: Track,
    place: int,
    start_seconds: float,
    step_seconds: float,
    context: DecodeContext,
) -> None:
    """Writes a track's notes to a sequence."""
    assert track.notes is not None
    is_drum = track.program == tracks_lib.DRUM_PROGRAM
    notes = track.notes
    for pitch, velocity, start, end in zip(
        notes.pitch.tolist(),
        notes.velocity.tolist(),
        (start_seconds + notes.start_step * step_seconds).tolist(),
        (start_seconds + notes.end_step * step_seconds).tolist(),
        strict=True,
    ):
        sequence.notes.add(
            pitch=pitch,
            velocity=velocity,
            start_time=start,
            end_time=end,
            instrument=place,
            program=0 if is_drum else track.program,
            is_drum=is_drum,
        )
