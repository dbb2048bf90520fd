"""What can be wrong with a request for music."""

from __future__ import annotations

from magenta_lite.errors import UserError


class GenerationError(UserError):
    """A request that a generator cannot fulfil; says which argument."""


class PrimerError(GenerationError):
    """A primer that holds nothing that a model knows."""
