"""Following chains of places, each of which names the next, as arrays."""

from __future__ import annotations

import numpy as np

_DOUBLINGS = 4  # Steps of 16 leave the loop little to do.
_LARGE = 4096
"""A loop over fewer places is faster than arrays."""


class Chains:
    """The chains among some places.

    In bytes of messages each message tells where the next one starts. With the
    next place known for every place, jumps of 16 steps are a few array
    operations away; they are walked in a loop, and what lies between them is
    filled in.
    """

    def __init__(self, jump: np.ndarray) -> None:
        """Prepares for `follow`.

        Args:
          jump: `[places]` int, the place behind each place; a place that names
            itself ends its chain.
        """
        self._jumps = [jump]
        if len(jump) >= _LARGE:
            for _ in range(_DOUBLINGS):
                self._jumps.append(self._jumps[-1][self._jumps[-1]])
        self._far = self._jumps[-1].data

    def follow(self, place: int) -> np.ndarray:
        """All places of a chain in order, its start and its end included.

        Args:
          place: where to start.
        """
        jumps, far, walked, last = self._jumps, self._far, [], -1
        while place != last:
            walked.append(place)
            last, place = place, far[place]
        places = np.array(walked, jumps[0].dtype)
        if len(jumps) == 1 or len(walked) == 1:
            return places
        for jump in reversed(jumps[:-1]):
            both = np.empty([len(places), 2], places.dtype)
            both[:, 0], both[:, 1] = places, jump[places]
            places = both.ravel()
        is_end = jumps[0][places] == places
        return places[: int(is_end.argmax()) + 1]
