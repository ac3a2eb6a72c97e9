"""Fields of query strings and forms. A path is cut at its dots, so that a field's name is its first
part; what follows (an index) leads into the field, which is replaced as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote_plus

from firesteel.model.form_body import decoded_name, find_parts
from firesteel.model.redaction.places import REPLACEMENT, Paths, leads_to_text, replaced

# What begins so was labelled wrongly: a client that sends JSON or XML as a form, as curl does.
_NO_FORM: Final = re.compile(rb"\s*[{\[<\"]")


def redact_query(raw_query: bytes, names: frozenset[str]) -> bytes:
    """The query string, which has been read by the trigger's rules before."""
    return _pairs(raw_query, lambda name: unquote_plus(name.decode("utf-8", "replace")) in names)


def redact_urlencoded(body: bytes, paths: Paths) -> bytes:
    """Raises ValueError for what is no form."""
    if _NO_FORM.match(body):
        raise ValueError("not a form")
    wanted = _wanted(paths)
    return _pairs(body, lambda name: wanted(decoded_name(name)))


def redact_multipart(body: bytes, boundary: bytes, paths: Paths) -> bytes:
    """A part that is replaced loses its headers too, which may tell a file's name. Raises
    ValueError for what is no multipart form."""
    wanted = _wanted(paths)
    spans = []
    for part in find_parts(body, boundary):
        # Some read a backslash before any character as RFC 822 has it, as that character.
        if wanted(part.name) or wanted(part.name.replace("\\", "")):
            name = part.name.replace("\\", "\\\\").replace('"', '\\"').encode()
            head = b'Content-Disposition: form-data; name="%b"\r\n\r\n' % name
            spans.append((part.start, part.stop, head + REPLACEMENT))
    return replaced(body, spans)


def _wanted(paths: Paths) -> Callable[[str], bool]:
    return lambda name: leads_to_text(paths, name)


def _pairs(pairs: bytes, wanted: Callable[[bytes], Any]) -> bytes:
    segments = pairs.split(b"&")
    for index, segment in enumerate(segments):
        name, equals, _ = segment.partition(b"=")
        if equals and wanted(name):
            segments[index] = name + b"=" + REPLACEMENT
    return b"&".join(segments)
