"""Elements and attributes of XML, found by position, in the shape that expressions see: attributes
``@a``, text ``#text``, repeated elements as lists. Prefixes of names count for nothing, neither the
body's nor a path's.

An element that is replaced keeps its name; its content and its attributes' values go.
"""

from __future__ import annotations

import re
from typing import Final

from firesteel.model.redaction.places import (
    REPLACEMENT,
    Paths,
    below,
    goes,
    local_name,
    replaced,
    with_items,
)
from firesteel.model.xml_body import find_elements

_VALUE = rb"""(?:"[^"]*"|'[^']*')"""
_ATTRIBUTE: Final = re.compile(rb"\s+[^\s=<>/]+\s*=\s*(" + _VALUE + rb")")
_TAG: Final = re.compile(rb"<[^\s/<>!?]+((?:\s+[^\s=<>/]+\s*=\s*" + _VALUE + rb")*)\s*(/?)>")


def redact_xml(body: bytes, charset: str | None, paths: Paths) -> bytes:
    """Raises ValueError for what is no XML, or stands in an encoding that is not ASCII's own for
    tags (UTF-16)."""
    if b"\0" in body:
        raise ValueError("not an encoding in which tags are ASCII")
    finder = _Finder(body, paths)
    find_elements(body, charset, finder)
    return replaced(body, finder.spans)


class _Finder:
    """Notes what is to be replaced, element by element."""

    def __init__(self, body: bytes, paths: Paths) -> None:
        self.spans: list[tuple[int, int, bytes]] = []
        self._body = body
        local = tuple(tuple(map(local_name, parts)) for parts in paths)
        self._paths = [with_items(local)]
        self._contents: list[int | None] = []
        """Where the content of each open element begins, if it goes."""

    def start(self, name: str, attributes: list[str], at: int) -> None:
        tag = _TAG.match(self._body, at)
        values = [] if tag is None else list(_ATTRIBUTE.finditer(self._body, *tag.span(1)))
        if tag is None or len(values) != len(attributes):
            raise ValueError("not an encoding in which tags are ASCII")
        paths = with_items(below(self._paths[-1], local_name(name)))
        self._paths.append(paths)
        whole = () in paths
        for attribute, value in zip(attributes, values, strict=True):
            if whole or () in below(paths, local_name(f"@{attribute}")):
                self.spans.append((value.start(1) + 1, value.end(1) - 1, REPLACEMENT))
        filled = tag.group(2) != b"/"
        self._contents.append(tag.end() if filled and goes(paths) else None)

    def end(self, at: int) -> None:
        self._paths.pop()
        start = self._contents.pop()
        if start is not None:
            self.spans.append((start, at, REPLACEMENT))
