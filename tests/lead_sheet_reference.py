"""Lead sheets by note_seq's own classes, to compare with.

The loop is that of Magenta's improv pipeline: melodies, then the chords of
each, then what its encoders refuse.
"""

import collections

import note_seq
import numpy as np
from melody_reference import _track
from note_seq import chord_symbols_lib, chords_lib, sequences_lib


def reference_lead_sheets(sequence, codec):
    """Lead sheets of note_seq, and the counts of what is left out."""
    found, rejects = [], collections.Counter()
    for section in sequences_lib.split_note_sequence_on_time_changes(sequence):
        quantized = sequences_lib.quantize_note_sequence(
            section, codec.steps_per_quarter
        )
        if sequences_lib.steps_per_bar_in_quantized_sequence(quantized) % 1:
            rejects["non_integer_steps_per_bar"] += 1
            continue
        for instrument in sorted({n.instrument for n in quantized.notes}):
            for melody in _track(quantized, instrument, codec, rejects):
                counts = melody.get_note_histogram()
                if np.count_nonzero(counts) < codec.min_unique_pitches:
                    rejects["too_few_pitches"] += 1
                    continue
                sheet = _lead_sheet(quantized, melody, codec, rejects)
                if sheet is not None:
                    found.append(sheet)
    return found, rejects


def _lead_sheet(quantized, melody, codec, rejects):
    chords = note_seq.ChordProgression()
    try:
        chords.from_quantized_sequence(
            quantized, melody.start_step, melody.end_step
        )
    except chords_lib.CoincidentChordsError:
        rejects["coincident_chords"] += 1
        return None
    if all(chord == note_seq.NO_CHORD for chord in chords):
        rejects["no_chords"] += 1
        return None
    sheet = note_seq.LeadSheet(melody, chords)
    try:
        sheet.squash(codec.min_pitch, codec.max_pitch, None)
        qualities = {
            chord_symbols_lib.chord_symbol_quality(chord)
            for chord in chords
            if chord != note_seq.NO_CHORD
        }
    except chord_symbols_lib.ChordSymbolError:
        rejects["bad_chord"] += 1
        return None
    if codec.triads_only and 4 in qualities:
        rejects["no_triad"] += 1
        return None
    return sheet


def sheet_events(sheet, codec):
    """A LeadSheet's melody as events, and its chords as symbols."""
    encoding = note_seq.MelodyOneHotEncoding(codec.min_pitch, codec.max_pitch)
    events = [encoding.encode_event(event) for event in sheet.melody]
    return np.array(events), list(sheet.chords)
