"""What a model is to predict of an event: the shape of a label.

A head is a description, of sizes alone. The layers that project hidden states
to it, measure the loss and draw labels lie in `magenta_lite/layers/heads.py`
and beside it; `magenta_lite/models/head_layers.py` finds the one for a head.
"""

from __future__ import annotations

import abc
import dataclasses

from magenta_lite.errors import UserError


@dataclasses.dataclass(frozen=True)
class Head(abc.ABC):
    """The kind and the sizes of a label."""

    @property
    @abc.abstractmethod
    def label_shape(self) -> tuple[int, ...]:
        """The shape of one label: () for a single class."""


@dataclasses.dataclass(frozen=True)
class Categorical(Head):
    """One of some classes: labels are int32 `[...]`.

    Attributes:
      num_classes: labels are in `[0, num_classes)`.
    """

    num_classes: int

    def __post_init__(self) -> None:
        _check_positive("Categorical", self.num_classes)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """A single class: ()."""
        return ()


@dataclasses.dataclass(frozen=True)
class Categoricals(Head):
    """Several classes at once: labels are int32 `[..., fields]`.

    Given the past, the fields are independent of each other.

    Attributes:
      sizes: the number of classes of each field.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        _check_positive("Categoricals", len(self.sizes), *self.sizes)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """One class for each field."""
        return (len(self.sizes),)


@dataclasses.dataclass(frozen=True)
class Nade(Head):
    """Bits that depend on each other: labels are int32 `[..., num_bits]`.

    A neural autoregressive distribution estimator (Larochelle and Murray,
    2011) gives the probability of each bit given those before it.

    Attributes:
      num_bits: how many bits a label has; each is 0 or 1.
      num_hidden: units of the estimator's hidden layer.
    """

    num_bits: int
    num_hidden: int

    def __post_init__(self) -> None:
        _check_positive("Nade", self.num_bits, self.num_hidden)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """One entry for each bit."""
        return (self.num_bits,)


@dataclasses.dataclass(frozen=True)
class Groove(Head):
    """Drums as played: labels are float32 `[..., 3 * num_drums]`.

    Three numbers for each drum, all drums' first, then all drums' second,
    then all drums' third: whether it is hit (0 or 1), how loud (0 to 1), and
    how far off the grid (-1 to 1).

    Attributes:
      num_drums: how many drums there are.
    """

    num_drums: int

    def __post_init__(self) -> None:
        _check_positive("Groove", self.num_drums)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Three numbers for each drum."""
        return (3 * self.num_drums,)


def _check_positive(name: str, *sizes: int) -> None:
    """Raises UserError if a size is not positive."""
    if any(size < 1 for size in sizes):
        raise UserError(f"{name}: sizes must be 1 or more, not {sizes}")
