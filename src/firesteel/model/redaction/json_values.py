"""Values in JSON, found by position: nothing is converted, so all else stays to the byte."""

from __future__ import annotations

import codecs
import json
import re
from typing import Final

from firesteel.model.redaction.places import Paths, below

_WHITESPACE = re.compile(r"[ \t\r\n]*")
# Numbers are not converted: they are only stepped over.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)

Spans = list[tuple[int, int]]


def redact_json(body: bytes, paths: Paths) -> bytes:
    """Of a repeated name all values are replaced. Raises ValueError or RecursionError where the
    bytes are no JSON as a whole."""
    text = body.decode("utf-8-sig")
    start = _skip(text, 0)
    try:
        _, end = _DECODER.raw_decode(text, start)
    except IndexError as error:
        raise ValueError("no value") from error
    if _skip(text, end) != len(text):
        raise ValueError("something follows the value")
    spans: Spans = []
    _walk(text, start, paths, spans)
    pieces, position = [], 0
    for start, stop in spans:
        pieces += [text[position:start], '"***"']
        position = stop
    mark = codecs.BOM_UTF8 if body.startswith(codecs.BOM_UTF8) else b""
    return mark + "".join([*pieces, text[position:]]).encode()


def _walk(text: str, start: int, paths: Paths, spans: Spans) -> int:
    """Note the values at the paths below the one at ``start``, from the left; where it ends."""
    if () in paths or not paths or text[start] not in "{[":
        _, end = _DECODER.raw_decode(text, start)
        if () in paths:
            spans.append((start, end))
        return int(end)
    keyed = text[start] == "{"
    position, index = _skip(text, start + 1), 0
    while text[position] not in "}]":
        name = str(index)
        if keyed:
            name, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        position = _skip(text, _walk(text, position, below(paths, name), spans))
        if text[position] == ",":
            position = _skip(text, position + 1)
        index += 1
    return position + 1


def _skip(text: str, position: int) -> int:
    match = _WHITESPACE.match(text, position)
    return match.end() if match else position
