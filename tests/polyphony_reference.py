"""Polyphonic events step by step and note by note, to compare with.

note_seq has no PolyphonicSequence (it was Magenta's own), so this says in plain
loops what it did.
"""

START, END, STEP_END, NEW, CONTINUED = 0, 1, 2, 3, 131


def to_events(notes, num_steps):
    """Events of (start, end, pitch) on the grid."""
    events = [START]
    sounding = []  # A pitch may sound twice.
    for step in range(num_steps):
        for _, end, pitch in notes:
            if end == step:
                sounding.remove(pitch)
        found = [(pitch, CONTINUED) for pitch in sounding]
        started = [pitch for start, _, pitch in notes if start == step]
        found += [(pitch, NEW) for pitch in started]
        sounding += started
        found.sort(key=lambda pair: -pair[0])
        events += [pitch + kind for pitch, kind in found] + [STEP_END]
    return [*events, END]


def to_notes(events):
    """(start, end, pitch) of whole steps, by start and pitch."""
    step, sounding, ending, notes = 0, [], [], []
    for event in events:
        if event >= CONTINUED:
            if event - CONTINUED in ending:
                ending.remove(event - CONTINUED)
        elif event >= NEW:
            sounding.append((event - NEW, step))
        elif event == STEP_END:
            sounding = _end(sounding, ending, step, notes)
            step += 1
            ending = [pitch for pitch, _ in sounding]
    _end(sounding, [pitch for pitch, _ in sounding], step, notes)
    return sorted(notes, key=lambda note: (note[0], note[2]))


def _end(sounding, ending, step, notes):
    """Moves what ends to the notes, the oldest of a pitch first."""
    left = []
    for pitch, start in sounding:
        if pitch in ending:
            ending.remove(pitch)
            notes.append((start, step, pitch))
        else:
            left.append((pitch, start))
    return left
