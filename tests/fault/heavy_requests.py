"""Requests within all limits that make as much work as they can (P27)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.node import ProjectFolder
from tests.support.raw_http import request

KIB = 1024
MIB = 1024 * KIB
LOOP_BYTES = 256 * KIB - 64
"""The longest body that the event loop reads itself, and a little less."""

TRIGGERS = {
    "Plain": {"max_body": "100MiB"},
    "Json": {"body": "json", "max_body": "100MiB"},
    "Xml": {"body": "xml", "max_body": "10MiB"},
    "Form": {"body": "form", "max_body": "10MiB"},
    "Lanes": {"ordered_delivery": {"key": "body.a.b.c"}, "max_body": "100MiB"},
    "Keyed": {"idempotency": {"key": "body.key", "window": "1h"}, "max_body": "100MiB"},
    "Waits": {"request_response": True},
    "Signed": {
        "authentication": [
            {"signature": {"label": "s", "preset": "stripe", "secrets": ["${SIGNED}"]}}
        ]
    },
    "Numbers": {"query_parameters": [{"name": "n", "type": "number", "required": True}]},
    "Query": {
        "undeclared": "reject",
        "query_parameters": [
            {"name": f"p{n}", "type": "date", "required": True} for n in range(100)
        ],
    },
}


def fill(project: ProjectFolder) -> None:
    """The triggers, open to anybody."""
    for name, trigger in TRIGGERS.items():
        project.integration({"name": name, "trigger": {"authentication": [], **trigger}})
    redact = {"name": "Redact", "trigger": {"authentication": [], "max_body": "10MiB"}}
    project.integration({**redact, "redact": ["body.*.card", "body.card", "headers.x-a"]})


@dataclass(frozen=True, slots=True)
class Heavy:
    """``answers``: how many come, all with ``status``; ``admin``: of the admin port."""

    name: str
    data: bytes
    status: int
    answers: int = 1
    admin: bool = False


def post(name: str, body: bytes, content_type: str = "application/json", **more: str) -> bytes:
    return request("POST", f"/test/{name}", body, Content_Type=content_type, **more)


def chunked(name: str, body: bytes, size_bytes: int) -> bytes:
    head = request("POST", f"/test/{name}", Transfer_Encoding="chunked")
    pieces = (body[at : at + size_bytes] for at in range(0, len(body), size_bytes))
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def plain(**headers: str) -> bytes:
    return request("POST", "/test/Plain", b"", **headers)


def get_number(text: str) -> bytes:
    return request("GET", f"/test/Numbers?n={text}")


def waits(prefer: str) -> bytes:
    return request("POST", "/test/Waits", b"", Prefer=prefer)


def signed(signature: str) -> bytes:
    return request("POST", "/test/Signed", b"", Stripe_Signature=signature)


def one(name: str, data: bytes, status: int) -> Heavy:
    return Heavy(name, data, status)


def filled(text: bytes, size_bytes: int) -> bytes:
    return (text * (size_bytes // len(text) + 1))[:size_bytes]


def heavy_requests() -> list[Heavy]:
    """Made anew: together they are long."""
    deep = b"[" * (LOOP_BYTES // 2) + b"]" * (LOOP_BYTES // 2)
    numbers = b"[" + b"1e400," * (LOOP_BYTES // 6 - 1) + b"1]"
    objects = json.dumps({f"k{n}": n for n in range(14_000)}).encode()
    named = json.dumps([{"card": "4111", "n": n} for n in range(8_000)]).encode()
    fields = filled(b"a=%41&", LOOP_BYTES)
    elements = b"<r>" + filled(b"<a/>", 30 * KIB) + b"</r>"
    get = request("GET", "/nothing")
    query = "&".join(f"p{n}=x" for n in range(1300))[:8000]
    form = post("Form", fields, "application/x-www-form-urlencoded")
    return [
        one("100 MiB", post("Plain", bytes(100 * MIB), "application/octet-stream"), 202),
        one("100 MiB under a key", post("Plain", bytes(100 * MIB), Idempotency_Key="k"), 202),
        one("16 MiB of JSON, checked", post("Json", b"[" + b"1," * (8 * MIB) + b"1]"), 202),
        one("16 MiB of zeros with an ordering key", post("Lanes", bytes(16 * MIB)), 400),
        one("chunks of one byte", chunked("Plain", bytes(MIB), 1), 202),
        one("chunks of 100 bytes", chunked("Plain", bytes(9 * MIB), 100), 202),
        one("JSON as deep as it is long", post("Json", deep), 400),
        one("JSON of numbers without end", post("Json", numbers), 400),
        one("JSON of one number", post("Json", b"9" * LOOP_BYTES), 400),
        one("JSON of many names", post("Json", objects), 202),
        one("the same with a key to find", post("Keyed", objects), 202),
        one("a form of 43,000 fields", form, 400),
        one("XML of 7,000 elements", post("Xml", elements, "application/xml"), 202),
        one("8,000 values to redact", post("Redact", named), 202),
        one("31 KiB of rows to redact", post("Redact", filled(b"a\n", 31 * KIB), "text/csv"), 202),
        one("255 KiB of them", post("Redact", filled(b"a\n", LOOP_BYTES), "text/csv"), 202),
        one("a query of 8 KiB", request("GET", f"/test/Query?{query}"), 400),
        one("a query of escapes", request("GET", "/test/Query?" + "%41" * 2_600), 400),
        one("90 headers of 340 bytes", plain(**{f"X-{n}": "x" * 340 for n in range(90)}), 202),
        one("2,900 proxies", plain(X_Forwarded_For=", ".join(["10.0.0.1"] * 2_900)), 202),
        one("30 KiB of Forwarded", plain(Forwarded='for="' * 6_000), 202),
        one("30 KiB of Prefer", waits("a," * 15_000), 204),
        one("30 KiB of one preference", waits("a" * 30_000 + '"'), 204),
        one("30 KiB of quotes in Prefer", waits("a=b;" + '"' * 30_001), 204),
        one("30 KiB of blanks in Prefer", waits("a=" + " " * 30_000 + '"'), 204),
        one("30 KiB of blanks in a signature", signed("t=1" + " " * 30_000 + "1"), 401),
        one("30 KiB of commas in a signature", signed("," * 30_000), 401),
        one("zeros in an exponent", get_number("1e" + "0" * 8_000 + "x"), 400),
        one("digits of a fraction", get_number("1." + "0" * 8_000 + "x"), 400),
        one("30 KiB of Authorization", plain(Authorization="Basic " + "QQ" * 15_000), 202),
        Heavy("6,000 requests at once for nothing", get * 6_000, 404, 6_000),
        Heavy("3,000 calls at once", post("Plain", b"{}") * 3_000, 202, 3_000),
    ]


def long_bodies(*, whole: bool) -> Iterator[tuple[str, bytes]]:
    """What a message may hold, with what it is; ``whole``: as long as it may be."""
    size_bytes = (100 if whole else 5) * MIB
    yield "bytes", bytes(size_bytes)
    yield "text", filled(b"a line\n", size_bytes)
    if whole:
        yield "text of long letters", filled("\u00e9\U0001f600 ".encode(), size_bytes - 3)
        yield "text that ends in none", filled(b"a", size_bytes - 1) + b"\xff"
        yield "text of escapes", filled(b'"\\', size_bytes)


def shows_message(token: str, message_id: str, name: str) -> list[Heavy]:
    """By the REST API and in the console."""
    more = {"Authorization": f"Bearer {token}"}
    path = f"/workspaces/test/messages/{message_id}"
    api = request("GET", f"/api/v1{path}", **more)
    page = request("GET", f"/w/test/messages/{message_id}", **more)
    return [
        Heavy(f"{name}, by REST", api, 200, admin=True),
        Heavy(f"{name}, in the console", page, 200, admin=True),
    ]


def heavy_admin_requests(token: str) -> list[Heavy]:
    """Of somebody who may do everything."""
    of = "/api/v1/workspaces/test/integrations/Plain"

    def to(path: str, body: bytes, kind: str = "application/json", method: str = "POST") -> bytes:
        more = {"Authorization": f"Bearer {token}", "Content_Type": kind, "If_Match": "*"}
        return request(method, path, body, **more)

    def preview(name: str, body: bytes, status: int = 400) -> Heavy:
        return Heavy(name, to(f"{of}/preview", body), status, admin=True)

    def filled_list(item: bytes, size_bytes: int) -> bytes:
        return b'{"template":[' + item * (size_bytes // len(item)) + b"1]}"

    def form(name: str, body: bytes, status: int) -> Heavy:
        data = to("/sign-in", body, "application/x-www-form-urlencoded")
        return Heavy(name, data, status, admin=True)

    values = json.dumps({"document": {"name": "Plain", **{f"k{n}": n for n in range(9_990)}}})
    unknown = json.dumps({f"k{n}": 1 for n in range(24_000)}).encode()
    return [
        preview("empty lists", filled_list(b"[],", 4 * MIB - 100)),
        preview("8 MiB of empty lists", filled_list(b"[],", 8 * MIB - 100)),
        preview("as many values as may be", filled_list(b"[],", 36 * KIB), 200),
        preview("as deep as it is long", b"[" * (8 * MIB)),
        preview("8 MiB of quotes", b'{"template":"' + b'\\"' * (4 * MIB - 100) + b'"}', 200),
        preview("8 MiB of texts", filled_list(b'"",', 8 * MIB - 100)),
        preview("8 MiB of blanks", b" " * (8 * MIB)),
        preview("24,000 unknown keys", unknown),
        preview("results of many values", json.dumps({"results": "[" * (4 * MIB)}).encode()),
        preview("a document of 10,000 values", values.encode(), 200),
        Heavy(
            "the same to publish",
            to(of, json.dumps(json.loads(values)["document"]).encode(), method="PUT"),
            422,
            admin=True,
        ),
        form("a form of ampersands", b"&" * (4 * MIB), 400),
        form("a form of escapes", b"a=" + b"%41" * (MIB + 1), 400),
    ]
