"""The write-ahead log of a store as an outsider reads it: which commits it has, in order.

See https://sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

from collections.abc import Iterator

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24


def commits(log: bytes) -> Iterator[int]:
    """Where each whole commit ends, in bytes from the beginning."""
    salts = log[16:24]
    frame_bytes = FRAME_HEADER_BYTES + int.from_bytes(log[8:12], "big")
    for at in range(HEADER_BYTES, len(log) - frame_bytes + 1, frame_bytes):
        pages_after_commit, found = log[at + 4 : at + 8], log[at + 8 : at + 16]
        if found != salts:
            return
        if any(pages_after_commit):
            yield at + frame_bytes


def committed_bytes(log: bytes) -> int:
    """The end of the last whole commit in a log."""
    return max(commits(log), default=HEADER_BYTES)
