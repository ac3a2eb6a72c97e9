"""Odd input for the admin port: every route of the REST API and of the console, with odd names in
its path, odd values in its query, and odd bodies."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from tests.corpus.case import CANARY
from tests.support.routes import all_routes

# Acts on the node itself, streams that do not end, and what would end our own access.
NOT_ASKED = ("/workers/restart", "/backup", "/stream", "/live")
NAMES = {
    "nothing there": "nothing",
    "canary": CANARY,
    "dots": "..",
    "slash": "a/b",
    "NUL": "a\x00b",
    "line end": "a\r\nb",
    "private use": "\ue0000",
    "emoji": "🔥",
    "override": "\u202ea",
    "quotes": "'\";--",
    "markup": "<script>",
    "percent": "%",
    "space": " ",
    "zero": "0",
    "negative": "-1",
    "2^63": "9223372036854775808",
    "400 digits": "9" * 400,
    "5,000 digits": "9" * 5000,
    "NaN": "NaN",
    "last day": "9999-12-31",
    "first day": "0001-01-01",
    "last instant": "9999-12-31T23:59:59Z",
    "arabic digits": "١",
    "long": "l" * 5000,
}
RAW_NAMES = {
    "no UTF-8": "%ff",
    "surrogate": "%ed%a0%80",
    "overlong": "%c0%af",
    "half an escape": "%4",
    "escape of letters": "%zz",
}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
# Fields that routes of either kind know, so that the odd value comes to where it is used.
FIELDS = (
    "name",
    "label",
    "value",
    "secret",
    "description",
    "document",
    "text",
    "query",
    "why",
    "key",
    "integration",
    "number",
    "run",
    "password",
    "current",
    "user",
    "role",
    "scopes",
    "expires",
    "sample",
    "expression",
    "data_processing",
    "selection",
    "until",
    "body",
    "headers",
    "method",
    "enabled",
    "next",
    "source",
    "input",
)
VALUES: dict[str, object] = {
    "NUL": "a\x00b",
    "private use": "\ue0000",
    "override": "\u202e🔥\u0301",
    "markup": f"<script>{CANARY}</script>",
    "expression": "{% $ %}",
    "64 KiB": "x" * 65_536,
    "null": None,
    "number": 2**63,
    "list": [[["a"]]],
    "object": {"__proto__": {"a": 1}},
    "decimal": 1.5,
    "true": True,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; ``target``: path and query."""

    name: str
    method: str
    target: str
    content_type: str = JSON
    body: bytes = b""


@functools.cache
def bodies() -> dict[str, tuple[str, bytes]]:
    """Name to content type and bytes."""
    found: dict[str, tuple[str, bytes]] = {}
    for name, value in VALUES.items():
        found[f"JSON of {name}"] = JSON, json.dumps(dict.fromkeys(FIELDS, value)).encode()
        if isinstance(value, str):
            pairs = "&".join(f"{field}={quote(value)}" for field in FIELDS)
            found[f"form of {name}"] = FORM, pairs.encode()
    broken = {
        "nothing": b"",
        "broken": b"{",
        "NaN": b'{"number": NaN, "name": Infinity}',
        "lone surrogates": json.dumps(dict.fromkeys(FIELDS, "a\ud800b")).encode(),
        "lone surrogate for a name": b'{"\\udc00": 1, "name": "a"}',
        "name twice": b'{"name": "a", "name": "b"}',
        "1e400": json.dumps(dict.fromkeys(FIELDS, 1)).replace("1", "1e400").encode(),
        "5,000 digits": json.dumps(dict.fromkeys(FIELDS, 1)).replace("1", "9" * 5000).encode(),
        "deep": b'{"document": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep and open": b'{"a":' * 50_000,
        "no UTF-8": b'{"name": "\xff"}',
        "UTF-16": '{"name": "a"}'.encode("utf-16"),
        "an array": b"[]",
        "a text": b'"a"',
        "null": b"null",
        "thirty thousand names": json.dumps({f"n{n}": 1 for n in range(30_000)}).encode(),
    }
    found |= {f"JSON: {name}": (JSON, body) for name, body in broken.items()}
    forms = {
        "broken escapes": b"name=%&label=%zz&%=1",
        "no UTF-8": b"name=%ff&label=\xff",
        "surrogates": b"name=%ed%a0%80",
        "thousands of fields": b"&".join(b"f%d=1" % n for n in range(20_000)),
        "one field twice": b"name=a&name=b&label=a&label=b",
    }
    found |= {f"form: {name}": (FORM, body) for name, body in forms.items()}
    found["multipart without a boundary"] = "multipart/form-data", b"--b\r\n\r\nx"
    found["multipart of nothing"] = "multipart/form-data; boundary=b", b""
    found["multipart broken"] = "multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: x"
    found["multipart of a file"] = (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="name"; filename="../x"\r\n\r\n\x00\r\n--b--',
    )
    found["XML"] = "application/xml", b"<a/>"
    found["a type that is none"] = "\xff\xfe; charset=\xff", b"\x00"
    return found


def asked() -> Iterator[Ask]:
    """Every request."""
    routes = [pair for pair in all_routes() if not pair[1].endswith(NOT_ASKED)]
    for method, path in routes:
        if path in ("/sign-out", "/api/v1/sessions/end-others"):
            continue
        yield from _of_path(method, path)
        if method == "GET":
            yield from _of_query(method, filled(path))
        else:
            for name, (content_type, body) in bodies().items():
                yield Ask(name, method, filled(path), content_type, body)


def _of_path(method: str, path: str) -> Iterator[Ask]:
    """An odd name in place of each placeholder in turn, and of all."""
    spelled = {name: quote(text, safe="") for name, text in NAMES.items()} | RAW_NAMES
    for placeholder in re.findall(r"\{\w+\}", path):
        for name, text in spelled.items():
            target = filled(path.replace(placeholder, text))
            yield Ask(f"{placeholder} is {name}", method, target, JSON, b"{}")


def _of_query(method: str, path: str) -> Iterator[Ask]:
    """Every parameter that some list takes, with an odd value."""
    names = ("integration", "state", "consumer", "received_from", "received_until", "sequence")
    names += ("search_name", "search_value", "failure_code", "cursor", "limit", "text", "act")
    names += ("version", "window", "name", "from", "to", "period", "page", "next", "unrepeated")
    names += ("from_day", "until_day", "actor", "action", "subject", "before", "link", "days")
    for name, text in ({n: quote(t, safe="") for n, t in NAMES.items()} | RAW_NAMES).items():
        if len(text) < 300:
            yield Ask(
                f"query of {name}", method, f"{path}?" + "&".join(f"{n}={text}" for n in names)
            )
    for one in names:
        yield Ask(f"{one} twice", method, f"{path}?{one}=1&{one}=2")


def filled(path: str) -> str:
    """With names that are there."""
    names = {"workspace": "test", "name": "Seen", "number": "1", "label": "tester", "id": "1"}
    return re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], "nothing"), path)
