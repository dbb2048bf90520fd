"""What Magenta's converters of clips do, with note_seq's own classes.

Clips are tuples (of tuples) of integers; the order in which a converter gave
them away was arbitrary, so tests compare sets.
"""

import collections
import itertools

import note_seq
import numpy as np
from drums_reference import _tracks as drum_tracks
from melody_reference import _track as melodies
from note_seq import chords_lib, performance_lib, sequences_lib

from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.notes.proto import NoteSequence


def sections(sequence, steps_per_quarter):
    """Quantised sections whose bars last four quarters."""
    for part in sequences_lib.split_note_sequence_on_time_changes(sequence):
        try:
            quantized = sequences_lib.quantize_note_sequence(
                part, steps_per_quarter
            )
        except note_seq.BadTimeSignatureError:
            continue
        bar = sequences_lib.steps_per_bar_in_quantized_sequence(quantized)
        if bar == 4 * steps_per_quarter:
            yield part, quantized


def with_notes(sequence, keep):
    """The same with some of its notes alone."""
    copy = NoteSequence()
    copy.CopyFrom(sequence)
    del copy.notes[:]
    copy.notes.extend([note for note in sequence.notes if keep(note)])
    return copy


def slices(events, length):
    return [events[i - length : i] for i in range(length, len(events) + 1, 16)]


def melody_clips(sequence, codec):
    """Melodies of all instruments in windows."""
    encoding = note_seq.MelodyOneHotEncoding(codec.min_pitch, codec.max_pitch)
    found = set()
    for part, _ in sections(sequence, 4):
        played = with_notes(
            part,
            lambda n: (
                codec.min_pitch <= n.pitch < codec.max_pitch
                and (codec.programs is None or n.program in codec.programs)
            ),
        )
        quantized = sequences_lib.quantize_note_sequence(played, 4)
        for instrument in sorted({n.instrument for n in quantized.notes}):
            rejects = collections.Counter()
            for melody in melodies(quantized, instrument, codec, rejects):
                for clip in slices(melody, codec.num_bars * 16):
                    found.add(tuple(encoding.encode_event(e) for e in clip))
    return found


def lead_sheet_clips(sequence, codec):
    """Melodies in windows with the number of the triad at each step."""
    melody_encoding = note_seq.MelodyOneHotEncoding(
        codec.min_pitch, codec.max_pitch
    )
    triads = note_seq.TriadChordOneHotEncoding()
    found = set()
    for part, _ in sections(sequence, 4):
        pitches = range(codec.min_pitch, codec.max_pitch)
        quantized = sequences_lib.quantize_note_sequence(
            with_notes(part, lambda n, kept=pitches: n.pitch in kept), 4
        )
        for instrument in sorted({n.instrument for n in quantized.notes}):
            rejects = collections.Counter()
            for melody in melodies(quantized, instrument, codec, rejects):
                cut = slices(melody, codec.num_bars * 16)
                named = chords_lib.event_list_chords(quantized, cut)
                for clip, figures in zip(cut, named, strict=True):
                    events = [melody_encoding.encode_event(e) for e in clip]
                    chords = [triads.encode_event(f) for f in figures]
                    if any(chords):
                        found.add(tuple(zip(events, chords, strict=True)))
    return found


def _as_classes(quantized, drum_classes):
    """Drums alone, their pitches the numbers of their classes."""
    numbers = {p: i for i, c in enumerate(drum_classes) for p in c}
    drums = with_notes(quantized, lambda n: n.is_drum and n.pitch in numbers)
    for note in drums.notes:
        note.pitch = numbers[note.pitch]
    return drums


def drum_clips(sequence, codec):
    """Sets of classes of drums in windows, as bits."""
    rules = DrumsCodec(
        max_steps=codec.max_steps,
        min_bars=1,
        gap_bars=codec.gap_bars,
        pad_end=True,
    )
    found = set()
    for _, quantized in sections(sequence, 4):
        drums = _as_classes(quantized, codec.drum_classes)
        for track in drum_tracks(drums, rules, collections.Counter()):
            for clip in slices(track, codec.num_bars * 16):
                found.add(tuple(sum(1 << c for c in hits) for hits in clip))
    return found


def trio_clips(sequence, codec):
    """Melody, bass and drums where all play."""
    found = set()
    for part, quantized in sections(sequence, 4):
        num_bars = int(np.ceil(quantized.total_quantized_steps / 16))
        found |= _trios(part, quantized, num_bars, codec)
    return found


def _trios(part, quantized, num_bars, codec):
    parts, covered = (
        {},
        collections.defaultdict(lambda: np.zeros(num_bars, bool)),
    )
    for note in quantized.notes:
        kind = "drums" if note.is_drum else "none"
        if not note.is_drum and note.program < 40:
            kind = "melody" if note.program < 32 else "bass"
        own = parts.setdefault(note.instrument, kind)
        parts[note.instrument] = kind if own == kind else "none"
        last = -(-note.quantized_end_step // 16)
        covered[note.instrument][note.quantized_start_step // 16 : last] = True
    played = {}
    for instrument, kind in parts.items():
        if kind != "none":
            own = with_notes(part, lambda n, i=instrument: n.instrument == i)
            events = _played(own, kind, num_bars * 16, codec)
            if events is not None:
                played[instrument] = events
    gap = codec.gap_bars
    groups = [
        [i for i in sorted(played) if parts[i] == kind]
        for kind in ("melody", "bass", "drums")
    ]
    found = set()
    for group in itertools.product(*groups):
        wide = np.array(
            [
                [
                    covered[i][max(0, j - gap) : j + gap + 1].any()
                    for j in range(num_bars)
                ]
                for i in group
            ]
        )
        together = wide.all(axis=0)
        together[:gap] = wide[:, :gap].any()
        together[-gap:] = wide[:, -gap:].any()
        for j in range(num_bars - codec.num_bars + 1):
            if together[j : j + codec.num_bars].all():
                span = slice(j * 16, (j + codec.num_bars) * 16)
                rows = [played[i][span] for i in group]
                found.add(tuple(zip(*rows, strict=True)))
    return found


def _played(own, kind, num_steps, codec):
    """All of what an instrument plays, from the start of the section."""
    if kind == "drums":
        drums = _as_classes(
            sequences_lib.quantize_note_sequence(own, 4), codec.drum_classes
        )
        track = note_seq.DrumTrack()
        track.from_quantized_sequence(
            drums, gap_bars=float("inf"), pad_end=True
        )
        if not len(track):
            return None
        track.set_length(len(track) + track.start_step, from_left=True)
        track.set_length(num_steps)
        return [sum(1 << c for c in hits) for hits in track]
    pitches = range(codec.min_pitch, codec.max_pitch)
    own = with_notes(own, lambda n: n.pitch in pitches)
    rules = MelodyCodec(
        min_bars=1,
        gap_bars=float("inf"),
        max_steps=None,
        ignore_polyphonic_notes=True,
        pad_end=True,
    )
    quantized = sequences_lib.quantize_note_sequence(own, 4)
    for instrument in {n.instrument for n in quantized.notes}:
        for melody in melodies(
            quantized, instrument, rules, collections.Counter()
        ):
            melody.set_length(len(melody) + melody.start_step, from_left=True)
            melody.set_length(num_steps)
            encoding = note_seq.MelodyOneHotEncoding(
                codec.min_pitch, codec.max_pitch
            )
            return [encoding.encode_event(e) for e in melody]
    return None


def multi_track_clips(sequence, codec):
    """Bars of several performances: tuples of (program, classes, triads).

    Classes are those of note_seq's one-hot encoding; program 128 is drums.
    Triads are the numbers of those at each event.
    """
    found = set()
    for part in sequences_lib.split_note_sequence_on_time_changes(sequence):
        part = sequences_lib.apply_sustain_control_changes(part)
        # note_seq may forget how long it was, and cut notes off.
        part.total_time = max(n.end_time for n in part.notes)
        qpm = part.tempos[0].qpm if part.tempos else 120.0
        for bar in sequences_lib.split_note_sequence(part, 240.0 / qpm):
            quantized = sequences_lib.quantize_note_sequence(
                bar, codec.steps_per_quarter
            )
            steps = sequences_lib.steps_per_bar_in_quantized_sequence(quantized)
            if steps != 4 * codec.steps_per_quarter:
                break
            tracks = _bar_tracks(quantized, codec)
            if tracks is not None:
                found.add(tracks)
    return found


def _bar_tracks(quantized, codec):
    tracks = []
    for instrument in sorted({n.instrument for n in quantized.notes}):
        own = [n for n in quantized.notes if n.instrument == instrument]
        programs = {128 if n.is_drum else n.program for n in own}
        if len(programs) != 1:
            return None
        classes, triads = _track_classes(quantized, instrument, codec)
        if len(classes) > codec.max_track_events - 2:
            return None
        tracks.append((programs.pop(), classes, triads))
    if not codec.min_tracks <= len(tracks) <= codec.max_tracks:
        return None
    if sum(len(track[1]) for track in tracks) < codec.min_events:
        return None
    return tuple(sorted(tracks, key=lambda track: track[0]))


def _track_classes(quantized, instrument, codec):
    bar = 4 * codec.steps_per_quarter
    performance = note_seq.MetricPerformance(
        quantized,
        num_velocity_bins=codec.num_velocity_bins,
        instrument=instrument,
    )
    performance.set_length(bar)
    # What stands at the very end starts what the next bar does not have.
    clipped = note_seq.MetricPerformance(
        steps_per_quarter=codec.steps_per_quarter,
        num_velocity_bins=codec.num_velocity_bins,
    )
    for event in performance:
        is_off = event.event_type == performance_lib.PerformanceEvent.NOTE_OFF
        if clipped.num_steps == bar and not is_off:
            break
        clipped.append(event)
    again = note_seq.MetricPerformance(
        sequences_lib.quantize_note_sequence(
            clipped.to_sequence(), codec.steps_per_quarter
        ),
        num_velocity_bins=codec.num_velocity_bins,
    )
    again.set_length(bar)
    encoding = note_seq.PerformanceOneHotEncoding(
        num_velocity_bins=codec.num_velocity_bins, max_shift_steps=bar
    )
    (figures,) = chords_lib.event_list_chords(quantized, [again])
    triads = note_seq.TriadChordOneHotEncoding()
    return (
        tuple(encoding.encode_event(event) for event in again),
        tuple(triads.encode_event(figure) for figure in figures),
    )


def groove_rows(sequence, drum_classes):
    """Hits, velocities and offsets of a piece: `[steps, 3 * drums]`."""
    numbers = {p: i for i, c in enumerate(drum_classes) for p in c}
    quantized = sequences_lib.quantize_note_sequence(
        with_notes(sequence, lambda n: n.is_drum and n.pitch in numbers), 4
    )
    if not quantized.notes:
        return np.zeros([0, 3 * len(drum_classes)])
    step_seconds = 15.0 / quantized.tempos[0].qpm
    last = max(note.quantized_start_step for note in quantized.notes)
    rows = np.zeros([-(-(last + 1) // 16) * 16, 3, len(drum_classes)])
    for note in quantized.notes:
        row = rows[note.quantized_start_step, :, numbers[note.pitch]]
        if note.velocity / 127 > row[1]:
            ahead = note.quantized_start_step * step_seconds - note.start_time
            row[:] = 1, note.velocity / 127, 2 * ahead / step_seconds
    return rows.reshape([len(rows), -1])
