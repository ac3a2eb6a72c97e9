"""Pictures for the documents are made small and stay what they are."""

from __future__ import annotations

import struct
import zlib

import pytest

from scripts.small_png import with_few_colours


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, rows: list[tuple[int, bytes]]) -> bytes:
    """RGB, each row with its filter."""
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(bytes([kind]) + row for kind, row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pixels(small: bytes) -> list[bytes]:
    """Of a PNG with a palette and no filters, row after row."""
    width = struct.unpack(">I", small[16:20])[0]
    length = struct.unpack(">I", small[33:37])[0]
    palette = small[41 : 41 + length]
    at = small.index(b"IDAT")
    data = zlib.decompress(small[at + 4 : at + 4 + struct.unpack(">I", small[at - 4 : at])[0]])
    rows = [data[start + 1 : start + 1 + width] for start in range(0, len(data), width + 1)]
    return [palette[3 * number : 3 * number + 3] for row in rows for number in row]


@pytest.mark.parametrize("kind", range(5))
def test_every_filter_is_undone(kind: int) -> None:
    first = b"\x10\x20\x30\x40\x50\x60"
    flat = b"\0" * 6  # what the filter says of a row that is exactly as it predicts

    found = pixels(with_few_colours(png(2, [(0, first), (kind, flat)])))

    assert found[:2] == [b"\x10\x20\x30", b"\x40\x50\x60"]
    left = bytes(part // 2 for part in found[0])
    expected = {
        0: [b"\0\0\0", b"\0\0\0"],
        1: [b"\0\0\0", b"\0\0\0"],
        2: found[:2],
        3: [left, bytes((a + b) // 2 for a, b in zip(left, found[1], strict=True))],
        4: found[:2],
    }
    assert found[2:] == expected[kind]


def test_many_colours_become_256_and_the_most_used_stay() -> None:
    rows = [(0, bytes(part for x in range(64) for part in (x * 4, y * 4, 128))) for y in range(64)]
    plain = (0, b"\x11\x22\x33" * 64)

    found = pixels(with_few_colours(png(64, [*rows, plain])))

    assert len(set(found)) <= 256
    assert found[-64:] == [b"\x11\x22\x33"] * 64
