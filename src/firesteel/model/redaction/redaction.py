"""What an integration redacts: headers, query parameters, and values within the body.

``redact`` lists paths (``query.x``, ``headers.x``, ``body.a.b``, ``body.items.*.card``, ``body``)
and names of headers. A value is replaced in its place, and all other bytes stay as they are. A body
in which a value could stand that cannot be found is refused: it must not be stored as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firesteel.model.body import ContentType, content_type_of, text_of, xml_charset_of
from firesteel.model.path import Path
from firesteel.model.redaction.csv_cells import redact_csv
from firesteel.model.redaction.forms import redact_multipart, redact_query, redact_urlencoded
from firesteel.model.redaction.json_values import redact_json
from firesteel.model.redaction.places import REPLACEMENT, Paths, Unredactable
from firesteel.model.redaction.xml_elements import redact_xml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.model.message import Headers

_HEADER_NAME = re.compile(r"[!#$%&'*+^_`|~0-9A-Za-z-]+")  # token, RFC 9110, without the dot
_Redact = Callable[[bytes, ContentType, Paths], bytes]


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a trigger redacts. ``texts``: as the document has it; ``bodies``: paths into the body;
    ``whole_body``: all of it."""

    texts: tuple[str, ...]
    headers: frozenset[bytes]
    query: frozenset[str]
    bodies: Paths
    whole_body: bool

    @classmethod
    def compile(cls, redact: Iterable[str]) -> Redaction | None:
        """Of a checked document; None where nothing is redacted."""
        texts = tuple(redact)
        found = [redacted_path(text) for text in texts]
        if not found:
            return None
        bodies = tuple(path.parts for path in found if path.root == "body")
        return cls(
            texts,
            frozenset(path.parts[0].encode("latin-1") for path in found if path.root == "headers"),
            frozenset(path.parts[0] for path in found if path.root == "query"),
            bodies,
            () in bodies,
        )

    @property
    def reads_body(self) -> bool:
        """Whether a body must be parsed for it, which takes its time."""
        return bool(self.bodies) and not self.whole_body

    def of_headers(self, headers: Headers) -> Headers:
        """The headers, all in their place."""
        return [(name, REPLACEMENT if name in self.headers else value) for name, value in headers]

    def of_query(self, raw_query: bytes) -> bytes:
        """The query string, all pairs in their place."""
        return redact_query(raw_query, self.query) if self.query else raw_query

    def of_body(self, content_type: str | None, body: bytes) -> bytes:
        """``content_type``: the header's value. Raises Unredactable for a body in which a value
        could stand that cannot be found."""
        if not self.bodies or not body:
            return body
        if self.whole_body:
            return REPLACEMENT
        found = content_type_of(content_type)
        redact = _BY_KIND.get(found.kind)
        if redact is None:
            raise Unredactable("body of this content type")
        try:
            return redact(body, found, self.bodies)
        except (ValueError, RecursionError) as error:
            raise Unredactable(_NAMES[found.kind]) from error


def redacted_path(text: str) -> Path:
    """An item of ``redact`` as a path. Raises PathError."""
    is_header = text != "body" and _HEADER_NAME.fullmatch(text)
    return Path.parse(f"headers.{text}" if is_header else text)


def _json(body: bytes, _type: ContentType, paths: Paths) -> bytes:
    return redact_json(body, paths)


def _form(body: bytes, _type: ContentType, paths: Paths) -> bytes:
    return redact_urlencoded(body, paths)


def _multipart(body: bytes, type_: ContentType, paths: Paths) -> bytes:
    return redact_multipart(body, type_.boundary, paths)


def _xml(body: bytes, type_: ContentType, paths: Paths) -> bytes:
    return redact_xml(body, xml_charset_of(type_), paths)


def _csv(body: bytes, type_: ContentType, paths: Paths) -> bytes:
    text, charset = text_of(body, type_)
    if text.encode(charset) != body:
        raise ValueError("a charset in which the text is not written in one way")
    return redact_csv(text, paths).encode(charset)


_BY_KIND: Final[dict[str, _Redact]] = {
    "json": _json,
    "form": _form,
    "multipart": _multipart,
    "xml": _xml,
    "csv": _csv,
}
_NAMES: Final = {
    "json": "JSON",
    "form": "form",
    "multipart": "multipart form",
    "xml": "XML",
    "csv": "CSV",
}
