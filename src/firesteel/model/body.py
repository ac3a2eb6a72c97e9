"""A message's body as expressions and Python see it, and what a trigger demands of it.

The table of content types stands in docs/reference/integration-file.md. Whatever the bytes are, no
exception leaves ``parse_body``: what cannot be parsed is None, with the reason.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message as Headers
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from firesteel.errors import AuthorError
from firesteel.model import json_exact
from firesteel.model.charsets import known_charset
from firesteel.model.csv_body import CsvInvalid, parse_csv
from firesteel.model.execution import InputFault
from firesteel.model.fault import child
from firesteel.model.form_body import FormInvalid, parse_multipart, parse_urlencoded
from firesteel.model.json_exact import JsonInvalid
from firesteel.model.trigger import BodySchema
from firesteel.model.xml_body import XmlInvalid, parse_xml

if TYPE_CHECKING:
    from firesteel.model.trigger import BodyMode

MAX_FAULTS: Final = 100
MAX_CONTENT_TYPE: Final = 1024

_BOUNDARY = re.compile(rb"[\x20-\x7e]{1,70}")

_Invalid = (JsonInvalid, XmlInvalid, FormInvalid, CsvInvalid)


class BodyInvalid(ValueError):
    """The content type does not say how to read the body; ``code`` is ``not_parsed``,
    ``charset_unknown``, ``wrong_charset`` or ``malformed``.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class BodyRuleInvalid(AuthorError):
    """The JSON Schema of a trigger's ``body`` is none, or refers outside of itself."""

    code = "schema_invalid"


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """``body`` None with ``body_error`` None: there is no body, or it is the JSON value null."""

    raw: bytes
    body: Any
    body_error: str | None
    once_is_a_list: bool = False
    """In this format what is there once is no list, and would be one if it was there twice."""

    @property
    def body_text(self) -> str | None:
        """The text of the bytes where they are UTF-8, else None."""
        try:
            return self.raw.decode()
        except UnicodeDecodeError:
            return None

    @property
    def body_base64(self) -> str:
        """The bytes as base64."""
        return base64.b64encode(self.raw).decode()


@dataclass(frozen=True, slots=True)
class ContentType:
    """``media`` is lower case without parameters; ``kind`` how it is parsed."""

    media: str
    kind: str
    charset: str | None
    boundary: bytes


def parse_body(content_type: str | None, body: bytes) -> ParsedBody:
    """The body by its content type (the header's value with its parameters). Never raises."""
    if not body:
        return ParsedBody(body, None, None)
    found = content_type_of(content_type)
    try:
        parsed = _PARSERS[found.kind](body, found)
        return ParsedBody(body, parsed, None, once_is_a_list=found.kind in _ONCE_IS_A_LIST)
    except (*_Invalid, BodyInvalid) as error:
        return ParsedBody(body, None, error.detail)


class BodyRule:
    """What the trigger's ``body`` setting demands; made by ``compile_body_rule``."""

    __slots__ = ("_kinds", "_mode", "_validator")

    def __init__(self, mode: str, validator: Any) -> None:
        self._mode = mode
        self._kinds = {"form": ("form", "multipart")}.get(mode, (mode,))
        self._validator = validator

    def check(self, content_type: str | None, body: bytes) -> list[InputFault]:
        """Every fault of the body, at most 100; none: it is as demanded. ``pointer`` is "" for the
        whole body. Never raises.
        """
        if self._mode == "any":
            return []
        if not body:
            return [
                InputFault("", "missing", f"the body must be {self._mode.upper()}, and is empty")
            ]
        found = content_type_of(content_type)
        if found.kind not in self._kinds:
            detail = f"the content type must be that of {self._mode.upper()}"
            return [InputFault("", "wrong_content_type", detail)]
        try:
            value = _PARSERS[found.kind](body, found)
        except (*_Invalid, BodyInvalid) as error:
            return [InputFault("", error.code, error.detail)]
        return [] if self._validator is None else _schema_faults(self._validator, value)


def compile_body_rule(mode: BodyMode | BodySchema) -> BodyRule:
    """The rule of ``trigger.body``, once a version. Raises BodyRuleInvalid."""
    if not isinstance(mode, BodySchema):
        return BodyRule(mode, None)
    try:
        validator = jsonschema_rs.Draft202012Validator(
            mode.schema_,
            mask="the value",
            retriever=_fetch_nothing,
            # Linear in the length of the text: patterns run on what any caller sends.
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except (ValueError, RecursionError) as error:
        reason = str(getattr(error, "message", "") or error).splitlines()[0]
        raise BodyRuleInvalid(f"body.schema is not a JSON Schema: {reason}") from error
    return BodyRule("json", validator)


def check_body(
    mode: BodyMode | BodySchema, content_type: str | None, body: bytes
) -> list[InputFault]:
    """``compile_body_rule(mode).check(...)`` for one body alone."""
    return compile_body_rule(mode).check(content_type, body)


def _fetch_nothing(_uri: str) -> Any:
    raise ValueError("a schema may only refer to itself")


@functools.lru_cache(maxsize=256)
def content_type_of(header: str | None) -> ContentType:
    """How a body of that Content-Type is read; None: there was none."""
    if header is None or len(header) > MAX_CONTENT_TYPE:
        return ContentType("", "other", None, b"")
    message = Headers()
    message["content-type"] = header
    media = message.get_content_type() if "/" in header else ""
    charset = message.get_param("charset")
    boundary = message.get_param("boundary")
    return ContentType(
        media,
        _kind(media),
        charset if isinstance(charset, str) and charset else None,
        boundary.encode("latin-1", "replace") if isinstance(boundary, str) else b"",
    )


def _kind(media: str) -> str:
    known = _KINDS.get(media)
    if known is not None:
        return known
    if media.endswith("+json"):
        return "json"
    if media.endswith("+xml"):
        return "xml"
    return "text" if media.startswith("text/") else "other"


def _json(body: bytes, _type: ContentType) -> Any:
    return json_exact.loads(body)


def _xml(body: bytes, type_: ContentType) -> Any:
    return parse_xml(body, xml_charset_of(type_))


def _form(body: bytes, _type: ContentType) -> Any:
    return parse_urlencoded(body)


def _multipart(body: bytes, type_: ContentType) -> Any:
    if not _BOUNDARY.fullmatch(type_.boundary):
        raise BodyInvalid("malformed", "the content type has no boundary that multipart can have")
    return parse_multipart(body, type_.boundary)


def _csv(body: bytes, type_: ContentType) -> Any:
    return parse_csv(_text(body, type_))


def _text(body: bytes, type_: ContentType) -> str:
    return text_of(body, type_)[0]


def xml_charset_of(type_: ContentType) -> str | None:
    """The charset that the content type names, None where it names none. Raises BodyInvalid."""
    return _charset(type_, default=None)


def text_of(body: bytes, type_: ContentType) -> tuple[str, str]:
    """The body as text, and its charset. Raises BodyInvalid."""
    charset = _charset(type_, default="utf-8") or "utf-8"
    try:
        text = body.decode(charset)
        text.encode()
    except UnicodeError:
        raise BodyInvalid("wrong_charset", "the body is not text of its charset") from None
    return text, charset


def _other(_body: bytes, type_: ContentType) -> Any:
    reason = "is not one that is parsed" if type_.media else "is missing"
    raise BodyInvalid("not_parsed", f"the content type {reason}")


def _charset(type_: ContentType, *, default: str | None) -> str | None:
    if type_.charset is None:
        return default
    name = known_charset(type_.charset)
    if name is None:
        raise BodyInvalid("charset_unknown", "the charset of the content type is not known")
    return name


_KINDS: dict[str, str] = {
    "application/json": "json",
    "text/json": "json",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/x-www-form-urlencoded": "form",
    "multipart/form-data": "multipart",
    "text/csv": "csv",
}

_ONCE_IS_A_LIST: Final = frozenset({"xml", "form", "multipart"})

_PARSERS: dict[str, Callable[[bytes, ContentType], Any]] = {
    "json": _json,
    "xml": _xml,
    "form": _form,
    "multipart": _multipart,
    "csv": _csv,
    "text": _text,
    "other": _other,
}

# Their messages list names that the caller sent.
_NAMES_IN_MESSAGE = {
    "additionalProperties": "a property is not among those that are allowed",
    "unevaluatedProperties": "a property is not among those that are allowed",
    "propertyNames": "the name of a property is not one that is allowed",
}


def _schema_faults(validator: Any, value: Any) -> list[InputFault]:
    faults = []
    for error in validator.iter_errors(value):
        keyword = str(error.kind.name)
        detail = _NAMES_IN_MESSAGE.get(keyword, error.message)
        faults.append(InputFault(child("", *error.instance_path), f"schema_{keyword}", detail))
        if len(faults) >= MAX_FAULTS:
            break
    return faults
