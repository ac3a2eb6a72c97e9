"""Fuzz targets: the parsers of bodies. Each takes any bytes and asserts what must hold of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from firesteel.model import json_exact
from firesteel.model.body import check_body, parse_body
from firesteel.model.form_body import FormInvalid, parse_urlencoded
from firesteel.model.json_exact import JsonInvalid
from firesteel.model.redaction.places import Unredactable
from firesteel.model.redaction.redaction import Redaction
from tests.fuzz.escapes import wholly_escaped

TYPES = (
    "application/json",
    "application/xml",
    "text/xml; charset=iso-8859-1",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/csv",
    "text/csv; charset=utf-16",
    "text/plain; charset=shift_jis",
)
MODES: dict[str, Any] = {"application/json": "json", "application/xml": "xml"}
MODES |= {TYPES[3]: "form", TYPES[4]: "form"}
SECRET = ("a", "secret")
REDACTION = Redaction.compile(["body.secret", "body.a.secret", "body.*.secret"])


def any_json(data: bytes) -> None:
    """What is taken is what Python's own parser reads, and comes back; what is malformed is
    malformed there too."""
    try:
        value = json_exact.loads(data)
    except JsonInvalid as error:
        code = error.code
    else:
        code = ""
    if code:
        assert code not in ("malformed", "not_utf8") or not _python_takes(data)
        return
    assert _python_takes(data)
    assert json_exact.loads(json_exact.dumps(value)) == value


def any_body(data: bytes) -> None:
    """No type of content raises; what a rule refuses is what cannot be parsed."""
    for content_type in TYPES:
        parsed = parse_body(content_type, data)
        assert parsed.raw == data
        assert parsed.body_error is None or parsed.body is None
        json_exact.dumps(parsed.body)
        mode = MODES.get(content_type)
        if mode and data:
            assert bool(check_body(mode, content_type, data)) == (parsed.body_error is not None)


def any_content_type(data: bytes) -> None:
    """The header's value is the caller's too."""
    header, _, body = data.partition(b"\n")
    parse_body(header.decode("latin-1"), body)
    check_body("json", header.decode("latin-1"), body)


def any_form(data: bytes) -> None:
    """What is taken is what Python's own parser reads."""
    try:
        fields = parse_urlencoded(data)
    except FormInvalid:
        return
    pairs = parse_qsl(wholly_escaped(data), keep_blank_values=True, errors="strict")
    wanted: dict[str, list[str]] = {}
    for name, value in pairs:
        wanted.setdefault(name, []).append(value)
    # parse_qsl passes over a pair of which nothing stands before the equals sign and behind it.
    found = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    assert found == wanted


def any_redaction(data: bytes) -> None:
    """A redacted body has nothing at its paths but the replacement, or it is refused; and redacting
    it again changes nothing."""
    assert REDACTION is not None
    for content_type in TYPES:
        try:
            kept = REDACTION.of_body(content_type, data)
        except Unredactable:
            continue
        parsed = parse_body(content_type, kept)
        for value in _at_paths(parsed.body):
            assert value == "***", (content_type, value)
        assert REDACTION.of_body(content_type, kept) == kept


def _at_paths(body: Any) -> list[Any]:
    """The values at the paths of REDACTION."""
    found = []
    if isinstance(body, dict) and "secret" in body:
        found.append(body["secret"])
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    found += [item["secret"] for item in inner if isinstance(item, dict) and "secret" in item]
    return [one for value in found for one in (value if isinstance(value, list) else [value])]


def _python_takes(data: bytes) -> bool:
    try:
        json.loads(
            data.removeprefix(b"\xef\xbb\xbf").decode(),
            parse_float=Decimal,
            parse_constant=_no_constant,
            parse_int=len,
        )
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
