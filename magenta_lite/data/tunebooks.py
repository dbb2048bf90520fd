"""Cuts ABC tunebooks into tunes, so that each can be read on its own."""

from __future__ import annotations

import dataclasses
import re

_START = re.compile(r"^X:[ \t]*(\d*)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class TuneText:
    """One tune as text.

    Attributes:
      number: of its `X:` line without leading zeros, "0" if that has none.
      text: what stands before the first tune of the book, and the tune.
    """

    number: str
    text: str


def split_tunes(book: str) -> list[TuneText]:
    """The tunes of a book in order; empty if there is no `X:` line."""
    book = book.replace("\r\n", "\n").replace("\r", "\n")
    starts = list(_START.finditer(book))
    if not starts:
        return []
    head = book[: starts[0].start()]
    ends = [match.start() for match in starts[1:]] + [len(book)]
    return [
        TuneText(
            number=match.group(1).lstrip("0") or "0",
            text=head + book[match.start() : end],
        )
        for match, end in zip(starts, ends, strict=True)
    ]
