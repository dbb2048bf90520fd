"""What can be wrong with a bundle."""

from __future__ import annotations

from magenta_lite.errors import UserError


class BundleError(UserError):
    """A bundle or a description in it cannot be used.

    Attributes:
      reason: one word for programs: `missing`, `exists`, `too_large`,
        `truncated`, `foreign`, `magenta` (written by the original Magenta),
        `newer`, `tampered` or `invalid`.
    """

    def __init__(self, message: str, reason: str = "invalid") -> None:
        self.reason = reason
        super().__init__(" ".join(message.split()))
