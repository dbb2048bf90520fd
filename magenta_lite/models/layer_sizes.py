"""Two knobs, width and depth, for models that take a size per layer."""

from __future__ import annotations

import gin


@gin.register
def layer_sizes(width: int = 8, depth: int = 1) -> tuple[int, ...]:
    """The same width for every layer.

    Lets one overlay shrink or grow any recipe; a model of unequal layers
    binds its sizes itself, e.g. `EventRnn.units = (512, 256)`.
    """
    return (width,) * depth
