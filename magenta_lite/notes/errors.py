"""The error of music files that cannot be read or written."""

from __future__ import annotations

from magenta_lite.errors import UserError


class NotesError(UserError):
    """A music file, or one tune of it, is not usable.

    Attributes:
      reason: why, in snake_case, for counting: `missing`, `unreadable`,
        `not_midi`, `broken_midi`, `midi_type_2`, `smpte_time`, `too_large`,
        `too_many_notes`, `too_long`, `broken_abc`, `no_notes`, `timeout`,
        `broken_musicxml`, `broken_mxl`,
        `unknown_type`, `not_writable`.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(" ".join(message.split()))  # Always one line.

    def __reduce__(self) -> tuple:
        return type(self), (self.reason, str(self))
