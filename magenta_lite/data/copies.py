"""Exact copies among the pieces of a corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from magenta_lite.data.pieces import Piece, Reject


def drop_copies(
    results: Iterable[Piece | Reject], key: str
) -> Iterator[Piece | Reject]:
    """Turns each piece that repeats an earlier one into a reject.

    Args:
      results: what was read, in order.
      key: of the metadata that is equal in copies, such as "md5"; pieces that
        lack it are kept.
    """
    seen: set[bytes] = set()
    for result in results:
        value = (
            result.metadata.get(key, "") if isinstance(result, Piece) else ""
        )
        if value:
            short = hashlib.sha256(value.encode()).digest()[:12]
            if short in seen:
                yield Reject(
                    result.id, "duplicate", f"a copy: {key} {value} is not new"
                )
                continue
            seen.add(short)
        yield result
