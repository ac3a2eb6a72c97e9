"""Fuzz targets: what authors and workers write. Each takes any bytes and asserts what must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from firesteel.model import frames, quantities
from firesteel.model.connection import check_connections
from firesteel.model.document import check_integration
from firesteel.model.path import MISSING, Path, PathError, as_key
from firesteel.model.template import CLOSE, OPEN, Expression, TemplateError, split
from firesteel.model.yaml_source import load_document
from firesteel.model.yaml_writer import write_yaml

QUANTITIES: tuple[tuple[Callable[[str], Any], Callable[[Any], str]], ...] = (
    (quantities.parse_duration, quantities.format_duration),
    (quantities.parse_size, quantities.format_size),
    (quantities.parse_rate, quantities.format_rate),
)
LONGEST_KEY = 512 + len("...sha256:") + 64


def text_of(data: bytes) -> str:
    """Any text, lone surrogates too."""
    return data.decode("utf-8", "surrogateescape")


def any_yaml(data: bytes) -> None:
    """No source raises; a document without faults is the same when it is written and read again."""
    text = text_of(data)
    loaded = load_document(text, "a.yaml")
    for fault in loaded.faults:
        assert fault.line >= 1
        assert fault.column >= 1
    if not loaded.faults and isinstance(loaded.document, dict):
        again = load_document(write_yaml(loaded.document), "a.yaml")
        assert not again.faults
        assert again.document == loaded.document


def any_document(data: bytes) -> None:
    """Documents of integrations and connections: every fault has a place, and nothing raises."""
    text = text_of(data)
    for found in (check_integration(text, "a.yaml"), check_connections(text, "a.yaml")):
        for fault in found.faults:
            assert fault.line >= 1
            assert fault.column >= 1


def any_quantity(data: bytes) -> None:
    """What is read can be written, and reads as the same again."""
    text = text_of(data)
    for parse, written in QUANTITIES:
        try:
            value = parse(text)
        except ValueError:
            continue
        assert parse(written(value)) == value


def any_model_path(data: bytes) -> None:
    """A path that can be read reads anything; a key can be stored."""
    text = text_of(data)
    for value in (text, len(text), {"a": [text]}):
        key = as_key(value)
        if key is not MISSING:
            assert len(key) <= LONGEST_KEY
            key.encode()
            assert "\0" not in key
            assert as_key(key) == key
    try:
        path = Path.parse(text)
    except PathError:
        return
    assert Path.parse(path.text) == path
    path.read({}, [(b"a", data)], None, {"a": [{"b": text}], "0": [0]})


def any_template(data: bytes) -> None:
    """The parts of a text are all of it, in order, and no literal part opens an expression."""
    text = text_of(data)
    try:
        parts = split(text)
    except TemplateError:
        assert OPEN in text
        return
    rest = text
    for part in parts:
        if isinstance(part, Expression):
            assert part.source
            before, _, rest = rest.partition(OPEN)
            inside, closed, rest = rest.partition(CLOSE)
            assert closed
            assert inside.strip() == part.source
            assert not before or len(parts) == 1
        else:
            assert OPEN not in part
            assert rest.startswith(part)
            rest = rest[len(part) :]
    assert not rest.strip()


def any_frames(data: bytes) -> None:
    """A stream of bytes is frames or a documented error, however it is cut; what was read is
    written as it was."""
    for reader in (frames.worker_frames, frames.engine_frames):
        whole = _read(reader(), [data])
        assert _read(reader(), [data[n : n + 7] for n in range(0, len(data), 7)]) == whole
        for frame in whole:
            again = _read(reader(), [frames.encode(frame)])
            assert again == [frame]


def _read(reader: frames.FrameReader, pieces: list[bytes]) -> list[frames.Frame]:
    """What came before the error, where there is one."""
    found: list[frames.Frame] = []
    for piece in pieces:
        try:
            found += reader.feed(piece)
        except (ValueError, msgspec.DecodeError):
            break
    return found
