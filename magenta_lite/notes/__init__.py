"""Files to NoteSequence and back; rendering as sound and pictures."""
