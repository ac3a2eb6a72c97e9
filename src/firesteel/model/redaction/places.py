"""Where values are replaced: spans of what was received, and the paths that lead to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

REPLACEMENT: Final = b"***"
TEXT: Final = "#text"
"""The text of an element of XML."""

Paths = tuple[tuple[str, ...], ...]
"""The parts of each path below the root; ``*`` is every member and every item."""


class Unredactable(ValueError):
    """A value could stand in the body that cannot be found. The text names what the body is, never
    what is in it."""


def below(paths: Paths, name: str) -> Paths:
    """The rest of the paths that go on with a member or index of that name."""
    return tuple(parts[1:] for parts in paths if parts and parts[0] in (name, "*"))


def leads_to_text(paths: Paths, name: str) -> bool:
    """Whether one leads to a field or cell of that name, or into it: a text has nothing within, so
    that it goes as a whole. Through ``*`` only what could be an item of it: ``*.card`` means a
    member of something, which no field is."""
    return any(
        parts[0] == name or (parts[0] == "*" and all(p == "*" or p.isdecimal() for p in parts[1:]))
        for parts in paths
        if parts
    )


def goes(paths: Paths) -> bool:
    """Whether an element with these paths below it goes, or at least its text."""
    return () in paths or (TEXT,) in paths


def local_name(name: str) -> str:
    """The name of an element or attribute (``@a``) without its prefix, which whoever writes the
    body chooses (Namespaces in XML 1.0, section 4). A declaration of a prefix keeps its name."""
    prefix, colon, local = name.rpartition(":")
    if not colon or prefix == "@xmlns":
        return name
    return f"@{local}" if name.startswith("@") else local


def replaced(text: bytes, spans: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The bytes with each span (start, stop, replacement) replaced; one that stands within another
    is gone with it."""
    pieces: list[bytes] = []
    position = 0
    # From the left, the longest first.
    for start, stop, replacement in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= position:
            pieces += [text[position:start], replacement]
            position = stop
    return b"".join([*pieces, text[position:]])


def with_items(paths: Paths) -> Paths:
    """The paths, and what is left of each where the number or ``*`` that it goes on with stands for
    nothing: an element that is there once is no list."""
    found = set(paths)
    left = list(paths)
    while left:
        parts = left.pop()
        if parts and (parts[0] == "*" or parts[0].isdecimal()) and parts[1:] not in found:
            found.add(parts[1:])
            left.append(parts[1:])
    return tuple(found)
