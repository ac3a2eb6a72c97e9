"""Redaction: values that an author does not want stored are replaced before they are.

``redact`` lists paths (``query.x``, ``headers.x``, ``body.a.b``, ``body``) and names of headers. In
JSON and form bodies the value alone is replaced, in place: all other bytes stay as received. A
redacted value reaches no workflow. Ordering and idempotency keys and search values are read before.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from firesteel.gateway.refused_call import CallRefused
from firesteel.model.path import Path
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firesteel.model.message import Headers

_NOT_IN_PLACE: Final = {
    "application/xml": "XML",
    "text/xml": "XML",
    "text/csv": "CSV",
    "multipart/form-data": "multipart form",
}
LOOP_LIMIT_BYTES: Final = 256 * 1024
REPLACEMENT: Final = b"***"
_WHITESPACE = re.compile(r"[ \t\r\n]*")
_PATH = re.compile(r"(?:query|headers|body)\.|body$")
# Numbers are not converted: they are only stepped over.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a trigger redacts. ``bodies``: paths into the body; ``whole_body``: all of it."""

    headers: frozenset[bytes]
    query: frozenset[str]
    bodies: tuple[tuple[str, ...], ...]
    whole_body: bool

    @classmethod
    def compile(cls, redact: Iterable[str]) -> Redaction | None:
        """Of a checked document; None where nothing is redacted."""
        headers, query, bodies = set(), set(), []
        for text in redact:
            if not _PATH.match(text):
                headers.add(text.lower().encode("latin-1"))
                continue
            path = Path.parse(text)
            if path.root == "headers":
                headers.add(path.parts[0].encode("latin-1"))
            elif path.root == "query":
                query.add(path.parts[0])
            else:
                bodies.append(path.parts)
        if not headers and not query and not bodies:
            return None
        return cls(frozenset(headers), frozenset(query), tuple(bodies), () in bodies)

    def of_headers(self, headers: Headers) -> Headers:
        """The headers, all in their place."""
        return [(name, REPLACEMENT if name in self.headers else value) for name, value in headers]

    def of_query(self, raw_query: bytes) -> bytes:
        """The query string, all pairs in their place."""
        return _form(raw_query, self.query) if self.query else raw_query

    def of_body(self, content_type: str, body: bytes) -> bytes:
        """Raises CallRefused ``body_invalid`` for a body in which a value could stand that cannot
        be found: it must not be stored as it is."""
        if not self.bodies or not body:
            return body
        if self.whole_body:
            return REPLACEMENT
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            return _form(body, frozenset(parts[0] for parts in self.bodies))
        if kind in ("application/json", "text/json") or kind.endswith("+json"):
            return self._json(body)
        if kind in _NOT_IN_PLACE or kind.endswith("+xml"):
            raise _unreadable(_NOT_IN_PLACE.get(kind, "XML"))
        return body

    def _json(self, body: bytes) -> bytes:
        try:
            text = body.decode("utf-8-sig")
            spans = {span for parts in self.bodies for span in _spans(text, parts)}
        except (ValueError, RecursionError, IndexError) as error:
            raise _unreadable("JSON") from error
        pieces, position = [], 0
        # From the left, the longest first: a value within a redacted one is gone with it.
        for start, stop in sorted(spans, key=lambda span: (span[0], -span[1])):
            if start >= position:
                pieces += [text[position:start], '"***"']
                position = stop
        mark = codecs.BOM_UTF8 if body.startswith(codecs.BOM_UTF8) else b""
        return mark + "".join([*pieces, text[position:]]).encode()


def redacted(
    redaction: Redaction, headers: Headers, raw_query: bytes, body: bytes
) -> tuple[Headers, bytes, bytes]:
    """Headers, query and body as they are stored."""
    content_type = dict(headers).get(b"content-type", b"").decode("latin-1")
    body = redaction.of_body(content_type, body)
    return redaction.of_headers(headers), redaction.of_query(raw_query), body


def _unreadable(kind: str) -> CallRefused:
    detail = f"The trigger redacts the body before it is stored, which this {kind} does not allow."
    return CallRefused(Problem("body_invalid", detail))


def _form(pairs: bytes, names: frozenset[str]) -> bytes:
    segments = pairs.split(b"&")
    for index, segment in enumerate(segments):
        name, equals, _ = segment.partition(b"=")
        if equals and unquote_plus(name.decode("utf-8", "replace")) in names:
            segments[index] = name + b"=" + REPLACEMENT
    return b"&".join(segments)


def _spans(text: str, parts: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the values at a path stand; of a repeated name all of them. Raises ValueError where
    the text is not JSON as a whole."""
    start = _skip(text, 0)
    _, end = _DECODER.raw_decode(text, start)
    if _skip(text, end) != len(text):
        raise ValueError("something follows the value")
    yield from _within(text, start, parts)


def _within(text: str, start: int, parts: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    if not parts:
        yield start, _DECODER.raw_decode(text, start)[1]
        return
    if text[start] not in "{[":
        return
    for name, at in _members(text, start):
        if name == parts[0]:
            yield from _within(text, at, parts[1:])


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Name or index and beginning of each value in an object or list that is known to be valid."""
    keyed = text[start] == "{"
    position, index = _skip(text, start + 1), 0
    while text[position] not in "}]":
        name = str(index)
        if keyed:
            name, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        yield name, position
        position = _skip(text, _DECODER.raw_decode(text, position)[1])
        if text[position] == ",":
            position = _skip(text, position + 1)
        index += 1


def _skip(text: str, position: int) -> int:
    match = _WHITESPACE.match(text, position)
    return match.end() if match else position
