"""The form of an archive's files: frames of JSON Lines, one behind the other, never changed.

Each frame is a Zstandard frame with a checksum (RFC 8878). Before it stands a *skippable* frame of
the same format, which every Zstandard tool passes over, with what must be known of it: its length
and checksum, how many lines it has and of what time. So a search need not decompress what it does
not want, ``zstd -dc`` still prints all lines, and a frame that a crash has torn is recognised: it
is the last one, and is cut off before the next is written.
"""

from __future__ import annotations

import io
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".jsonl.zst"
_MAGIC = b"\x50\x2a\x4d\x18"
_HEAD_BYTES = 8
_MOST_HEADER_BYTES = 4096
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 6,
    zstd.CompressionParameter.checksum_flag: 1,
}


class Header(msgspec.Struct, frozen=True):
    """What stands before a frame. ``bytes``: its length; ``crc``: CRC-32 of it. Times are
    microseconds: of receipt of the first and last message, and of writing."""

    format: int
    bytes: int
    crc: int
    messages: int
    received_from_us: int
    received_until_us: int
    written_at_us: int


class Frame(msgspec.Struct, frozen=True):
    """A frame in a file; ``at``: where its own bytes begin."""

    header: Header
    at: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + self.header.bytes


class Damaged(Exception):
    """A frame that is not what was written; the text says which."""


class Packing:
    """A frame that is being filled, compressed as it grows."""

    def __init__(self) -> None:
        self._compressor = zstd.ZstdCompressor(options=_OPTIONS)
        self._parts: list[bytes] = []
        self._times: list[int] = []
        self.size_bytes = 0

    def add(self, line: bytes, received_at_us: int) -> None:
        """One more line, without its end."""
        part = self._compressor.compress(line + b"\n")
        self._parts.append(part)
        self._times.append(received_at_us)
        self.size_bytes += len(part)

    def finish(self, now_us: int) -> bytes:
        """The frame, with the skippable one before it."""
        data = b"".join([*self._parts, self._compressor.flush()])
        header = Header(
            1, len(data), zlib.crc32(data), len(self._times), *_span(self._times), now_us
        )
        return written(header, data)


def written(header: Header, data: bytes) -> bytes:
    """A frame and what stands before it, as they stand in a file."""
    known = msgspec.json.encode(header)
    return _MAGIC + len(known).to_bytes(4, "little") + known + data


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The whole frames of a file, in order, without reading them. It ends at a torn one."""
    size_bytes = os.fstat(file.fileno()).st_size
    at = 0
    while (frame := _frame(file, at)) is not None and frame.end <= size_bytes:
        yield frame
        at = frame.end


def data_of(file: BinaryIO, frame: Frame) -> bytes:
    """The frame's bytes, compressed. Raises Damaged."""
    file.seek(frame.at)
    data = file.read(frame.header.bytes)
    if zlib.crc32(data) != frame.header.crc:
        raise Damaged(f"the frame at byte {frame.at} is damaged")
    return data


def lines(data: bytes) -> list[bytes]:
    """The lines of a frame. Raises Damaged."""
    try:
        with zstd.ZstdFile(io.BytesIO(data)) as opened:
            return [line.rstrip(b"\n") for line in opened]
    except (zstd.ZstdError, EOFError) as error:
        raise Damaged("a frame cannot be decompressed") from error


def append(path: Path, frame: bytes) -> None:
    """Write a frame behind the last whole one, and flush it. A new file has mode 0600, and its name
    is flushed too. Whoever calls holds the archive's lock. Raises OSError."""
    made = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as file:
        end = _whole(file)
        file.truncate(end)
        file.seek(end)
        file.write(frame)
        file.flush()
        os.fsync(file.fileno())
    if made:
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Let the disk have the names in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(file: BinaryIO) -> int:
    """Where the last whole frame ends. All but the last were flushed before the next was begun."""
    found: Sequence[Frame] = list(frames(file))
    if not found:
        return 0
    try:
        data_of(file, found[-1])
    except Damaged:
        return found[-2].end if len(found) > 1 else 0
    return found[-1].end


def _frame(file: BinaryIO, at: int) -> Frame | None:
    file.seek(at)
    head = file.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES or head[:4] != _MAGIC:
        return None
    length = int.from_bytes(head[4:], "little")
    if length > _MOST_HEADER_BYTES:
        return None
    try:
        header = msgspec.json.decode(file.read(length), type=Header)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    return Frame(header, at + _HEAD_BYTES + length)


def _span(times: Sequence[int]) -> tuple[int, int]:
    return min(times, default=0), max(times, default=0)
