"""Makes a screenshot's PNG small: 256 colours instead of 16 million, and the best deflate.

Screenshots have few colours that matter; those of the antialiased rest go to the nearest one that
stays.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256
_KEPT_BITS = 0xF8


def with_few_colours(png: bytes) -> bytes:
    """Of a PNG with eight bits a channel, RGB or RGBA, not interlaced: as Chromium writes it."""
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", png[16:29])
    if depth != 8 or kind not in (2, 6) or interlace:
        raise ValueError("this is no PNG as Chromium writes it")
    step = 3 if kind == 2 else 4
    rows = _unfiltered(zlib.decompress(_data(png)), width * step, step)
    pixels = [
        [bytes(row[at : at + 3]) for at in range(0, width * step, step)] for row in rows[:height]
    ]
    numbers, palette = _palette(Counter(pixel for row in pixels for pixel in row))
    indexed = b"".join(b"\0" + bytes(numbers[pixel] for pixel in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", head),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(indexed, 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _palette(counted: Counter[bytes]) -> tuple[dict[bytes, int], bytes]:
    """The number of each colour, and the colours that stay: the most used of each kind."""
    chosen: list[bytes] = []
    kinds: set[bytes] = set()
    for colour, _ in counted.most_common():
        kind = bytes(part & _KEPT_BITS for part in colour)
        if len(chosen) < _COLOURS and (kind not in kinds or len(chosen) < _COLOURS // 4):
            chosen.append(colour)
            kinds.add(kind)
    numbers = {colour: number for number, colour in enumerate(chosen)}
    for colour in counted:
        if colour not in numbers:
            numbers[colour] = min(
                range(len(chosen)), key=lambda number: _distance(chosen[number], colour)
            )
    return numbers, b"".join(chosen)


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _data(png: bytes) -> bytes:
    at, found = len(_SIGNATURE), b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            found += png[at + 8 : at + 8 + length]
        at += length + 12
    return found


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _unfiltered(data: bytes, length: int, step: int) -> list[bytearray]:
    """The rows of a picture, its filters (PNG specification, section 9) undone."""
    rows: list[bytearray] = []
    before = bytearray(length)
    for at in range(0, len(data), length + 1):
        row = bytearray(data[at + 1 : at + 1 + length])
        for x in range(length):
            left = row[x - step] if x >= step else 0
            corner = before[x - step] if x >= step else 0
            row[x] = (row[x] + _predicted(data[at], left, before[x], corner)) & 0xFF
        rows.append(row)
        before = row
    return rows


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    estimate = left + above - corner
    nearest = min(
        (abs(estimate - left), 0, left),
        (abs(estimate - above), 1, above),
        (abs(estimate - corner), 2, corner),
    )
    return nearest[2]
