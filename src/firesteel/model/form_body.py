"""Form bodies: application/x-www-form-urlencoded and multipart/form-data, as one object of fields.

A field sent once is a string, one sent several times a list. Files of a multipart body are objects
``{filename, content_type, size, base64}``. Decoding is strict, as of the query: what is not UTF-8
or not an escape is an error and never a replacement character.
"""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

MAX_FIELDS: Final = 10_000
MAX_PARTS: Final = 1_000
FILE: Final = frozenset({"filename", "content_type", "size", "base64"})
"""What is told of a file."""
_READ: Final = frozenset({b"content-disposition", b"content-type"})

# The parser logs every fault of a body, with bytes of it: any caller could fill the log.
_SILENT = logging.Logger("form_body", logging.CRITICAL + 1)  # noqa: LOG001 - nobody's to switch on
_TWICE: Final = "a part of the form says twice what it is"
_UNCLEAR: Final = "the name of a part of the form can be read in two ways"
_SPACES: Final = re.compile(rb"[ \t]*")
# Of a header: its name, and its value, which is quoted as a whole or not at all (RFC 2183).
_PARAMETER: Final = re.compile(
    rb';[ \t]*([^;="\s]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)[ \t]*(?=;|\Z)'
)
_ESCAPED = re.compile(rb'\\(["\\])')
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class FormInvalid(ValueError):
    """The bytes are no form that is taken. ``code`` is ``malformed``, ``not_utf8`` or
    ``too_many``; the text never repeats what was sent.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_urlencoded(data: bytes) -> dict[str, Any]:
    """The fields of an application/x-www-form-urlencoded body. Raises FormInvalid."""
    if data.count(b"&") >= MAX_FIELDS:
        raise FormInvalid("too_many", f"the form has over {MAX_FIELDS} fields")
    fields: dict[str, Any] = {}
    for number, pair in enumerate(data.split(b"&"), 1):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        try:
            _add(fields, decoded_name(name), decoded_name(value))
        except UnicodeDecodeError:
            raise FormInvalid("not_utf8", f"field {number} of the form is not UTF-8") from None
        except ValueError:
            detail = f"field {number} of the form is not percent-encoded"
            raise FormInvalid("malformed", detail) from None
    return fields


@dataclass(frozen=True, slots=True)
class PartPlace:
    """A part of a multipart form: its name, and where its headers and content stand."""

    name: str
    start: int
    stop: int


def parse_multipart(data: bytes, boundary: bytes) -> dict[str, Any]:
    """The fields and files of a multipart/form-data body (RFC 7578). Raises FormInvalid."""
    fields: dict[str, Any] = {}
    for name, value, _ in _named_parts(data, boundary):
        _add(fields, name, value)
    return fields


def find_parts(data: bytes, boundary: bytes) -> list[PartPlace]:
    """Where the parts of a multipart/form-data body stand, in their order. Raises FormInvalid."""
    places = []
    for name, _, part in _named_parts(data, boundary):
        stop = part.content_at + len(part.data)
        if data[part.content_at : stop] != part.data:
            raise FormInvalid("malformed", "the body is not multipart of its boundary")
        places.append(PartPlace(name, part.begins_at, stop))
    return places


def _named_parts(data: bytes, boundary: bytes) -> list[tuple[str, Any, _Part]]:
    reader = _PartReader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.logger = _SILENT
        parser.write(data)
        parser.finalize()
    except FormParserError:
        raise FormInvalid("malformed", "the body is not multipart of its boundary") from None
    if not reader.ended:
        raise FormInvalid("malformed", "the last boundary of the multipart body is missing")
    named = []
    for number, part in enumerate(reader.parts, 1):
        try:
            named.append((*part.read(), part))
        except UnicodeDecodeError:
            raise FormInvalid("not_utf8", f"part {number} of the form is not UTF-8") from None
        except LookupError:
            raise FormInvalid("malformed", f"part {number} of the form has no name") from None
    return named


def _add(fields: dict[str, Any], name: str, value: Any) -> None:
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def decoded_name(text: bytes) -> str:
    """A name or value of a form. Raises ValueError, UnicodeDecodeError among them."""
    text = text.replace(b"+", b" ")
    if b"%" in text:
        if _BAD_ESCAPE.search(text):
            raise ValueError("not an escape")
        text = unquote_to_bytes(text)
    return text.decode()


@dataclass(slots=True)
class _Part:
    """``begins_at``: its first header; ``content_at``: what follows its last one."""

    begins_at: int = -1
    content_at: int = -1
    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)

    def read(self) -> tuple[str, Any]:
        """Name and value. Raises LookupError where the part has no name, UnicodeDecodeError;
        FormInvalid where it has two: another reader would see the other one."""
        disposition = self.headers[b"content-disposition"]
        _, options = parse_options_header(disposition)
        _check_name(options[b"name"], disposition)
        name = options[b"name"].decode()
        content_type = self.headers.get(b"content-type")
        filename = options.get(b"filename")
        if filename is None:
            return name, self.data.decode()
        return name, {
            "filename": filename.decode(),
            "content_type": None if content_type is None else content_type.decode(),
            "size": len(self.data),
            "base64": base64.b64encode(self.data).decode(),
        }


def _check_name(name: bytes, disposition: bytes) -> None:
    """Raises FormInvalid where it is not the only one that the header can be read to tell."""
    said = [(key.lower(), value) for key, value in _PARAMETER.findall(disposition)]
    options = dict(said)
    if len(options) != len(said):
        raise FormInvalid("malformed", _TWICE)
    told = options.get(b"name", b"").rstrip(b" \t")
    if told[:1] == b'"':
        told = _ESCAPED.sub(rb"\1", told[1:-1])
    unquoted = b'"' in _PARAMETER.sub(b"", disposition)
    # RFC 7578 section 4.2 forbids ``name*``, which some read all the same.
    if told != name or unquoted or any(key.startswith(b"name*") for key in options):
        raise FormInvalid("malformed", _UNCLEAR)


class _PartReader:
    """Collects the parts that python-multipart finds."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.ended = False
        self._name = bytearray()
        self._value = bytearray()

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self.parts[-1].data.extend(data[start:end]),
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise FormInvalid("too_many", f"the form has over {MAX_PARTS} parts")
        self.parts.append(_Part())

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name.extend(data[start:end])
        part = self.parts[-1]
        if part.begins_at < 0:
            part.begins_at = start
        # Where the value is empty, which is then told to nobody.
        value_at = _SPACES.match(data, end + len(b":"))
        part.content_at = (value_at.end() if value_at else end) + len(b"\r\n\r\n")

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value.extend(data[start:end])
        self.parts[-1].content_at = end + len(b"\r\n\r\n")

    def _header(self) -> None:
        headers, name = self.parts[-1].headers, bytes(self._name).lower()
        if name in headers and name in _READ:
            raise FormInvalid("malformed", _TWICE)
        headers[name] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end(self) -> None:
        self.ended = True
