"""Pieces of a body as they come."""

from __future__ import annotations

from typing import Final

# A piece of a few bytes is an object of fifty: many of them would be far more than is counted.
_SMALL_BYTES: Final = 512


def append(pieces: list[bytes | bytearray], piece: bytes) -> None:
    """Put it behind the others; small ones become one."""
    if len(piece) < _SMALL_BYTES and pieces:
        last = pieces[-1]
        if type(last) is bytearray:
            last += piece
            return
        pieces.append(bytearray(piece))
    else:
        pieces.append(piece)
