"""All fuzz targets by name, with bytes from which to begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import bodies, documents, heads


class Target(NamedTuple):
    """``run`` takes any bytes and raises AssertionError, or anything, where something is wrong."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


JSON = (b'{"a": [1, 2.50, "\\u00e5", null, true], "secret": {"b": -1e3}}', b'[{"secret":[1]}]')
XML = (b"<a b='1'><secret>x</secret><![CDATA[y]]>&amp;</a>", b"<?xml version='1.0'?><a/>")
FORM = (b"a=1&secret=x+y&b=%C3%A5&a=2", b"a=%C3\xa5&%c3\xa5")
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="secret"; filename="f"\r\n\r\nx\r\n--b--\r\n',
)
CSV = (b'no,secret\r\n1,"a,""b"\r\n', b"no;secret\n1;2\n")
BODIES = (*JSON, *XML, *FORM, *MULTIPART, *CSV)
INTEGRATION = b"""
name: A
trigger:
  authentication: [{api_key: {label: a, value: "${KEY}"}}]
  ordered_delivery: {key: body.a.0, on_failure: pause}
  query_parameters: [{name: a, type: integer, default: 1, enum: [1, 2]}]
  rate_limit: 100/s
  max_body: 10MiB
data_processing: '{"a": query.a}'
workflow:
  retry: {attempts: 5, first_delay: 1s}
  steps:
    - {name: s, http: {url: "https://a.test/{% input.a %}"}, when: "{% true %}"}
response: {status: 200, body: {a: "{% steps.s %}"}}
search: {a: body.a}
redact: [body.secret, x-secret]
"""
CONNECTIONS = b'erp: {sql: "sqlite:///a.db"}\ncrm: {http: "https://a.test", timeout: 30s}\n'

TARGETS: dict[str, Target] = {
    "json": Target(bodies.any_json, JSON),
    "body": Target(bodies.any_body, BODIES),
    "content type": Target(
        bodies.any_content_type, (b'text/plain; charset="utf-8"; boundary=b\n' + JSON[0],)
    ),
    "form": Target(bodies.any_form, FORM),
    "redaction": Target(bodies.any_redaction, BODIES),
    "path": Target(heads.any_path, (b"/test/Seen", b"/t%20/a%2Fb/messages/1/response")),
    "query": Target(heads.any_query, (b"integer=-1&number=1.5e3&boolean=1&date=2026-02-28", *FORM)),
    "prefer": Target(heads.any_prefer, (b'respond-async, wait=10; a="b\\"", c',)),
    "forwarded": Target(
        heads.any_forwarded, (b'for="[2001:db8::1]:80";proto=https, for=10.0.0.2', b"10.0.0.2,a")
    ),
    "request id": Target(heads.any_request_id, (b"0b6e-1",)),
    "visitor": Target(heads.any_visitor, (b"firesteel-0=a; b=c\nhttp://a", b"/w/a?b=c")),
    "yaml": Target(documents.any_yaml, (INTEGRATION, b"a: |\n  b\nc: [1, 0x1f, ~, 'd']\n")),
    "document": Target(documents.any_document, (INTEGRATION, CONNECTIONS)),
    "quantity": Target(documents.any_quantity, (b"10s", b"64KiB", b"20/m")),
    "model path": Target(documents.any_model_path, (b"body.a.0.b", b"headers.x-a", b"query.a.b")),
    "template": Target(documents.any_template, (b"/a/{% b %}/c", b" {% a %} ")),
    "frames": Target(documents.any_frames, (b"\x00\x00\x00\x08\x92\xa6Forget\x01",)),
}
