"""NoteSequence to integer events and back; NumPy only."""
