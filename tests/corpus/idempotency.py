"""Idempotency keys: long ones, odd bytes, paths that yield no text, and texts that look alike.

Every call is made twice. Where it has a key the second is the first one's duplicate; where what
was sent is no key, both are calls of their own. No two of these keys are one and the same for the
store: a key that another case has used too would be answered with 422.
"""

from __future__ import annotations

import json
from typing import Any

from tests.corpus.case import Case, taken, typed

JSON = typed("application/json")
SENT: dict[str, bytes] = {
    "plain": b"idem-1",
    "one character": b"1",
    "zero": b"0",
    "null": b"null",
    "quoted": b'"idem-1"',
    "space within": b"idem 1",
    "tab within": b"idem\t1",
    "other case": b"IDEM-1",
    "high bytes": bytes(range(0x80, 0x100)),
    "Latin-1": b"\xe5",
    "UTF-8": "å".encode(),
    "emoji": "🔥".encode(),
    "no UTF-8": b"\xff\xfe",
    "private use": "\ue000".encode(),
    "private use and 0": "\ue0000".encode(),
    "quotes": b"'\"\\`",
    "SQL": b"' or 1=1; drop table message; --",
    "percent signs": b"%s%n%(a)s{}",
    "512 characters": b"i" * 512,
    "513 characters": b"i" * 513,
    "20,000 characters": b"i" * 20_000,
    "20,000 characters, another end": b"i" * 19_999 + b"j",
    "digest of another": b"i" * 64 + b"...sha256:" + b"0" * 64,
}
VALUES: dict[str, Any] = {
    "text": "k",
    "text of a number": "1",
    "number": 2,
    "negative": -3,
    "minus 0": 0,
    "2^53 + 1": 2**53 + 1,
    "2^53": 2**53,
    "2^63": 2**63,
    "-2^63 - 1": -(2**63) - 1,
    "2^64": 2**64,
    "400 digits": 10**400,
    "400 digits, another end": 10**400 + 1,
    "decimal": 1.5,
    "true": True,
    "false": False,
    "text of true, as it is": "True",
    "space": " ",
    "two spaces": "  ",
    "space before": " k",
    "space behind": "k ",
    "NUL": "a\x00b",
    "NUL elsewhere": "ab\x00",
    "NUL alone": "\x00",
    "question mark in its place": "a?b",
    "private use": "a\ue000b",
    "private use and 0": "a\ue0000b",
    "private use and 1": "a\ue0001b",
    "line end": "a\nb",
    "carriage return": "a\rb",
    "two bytes": "å",
    "the same, decomposed": "a\u030a",
    "upper case": "K",
    "dotless": "ı",
    "ligature": "ﬁ",
    "its letters": "fi",
    "fullwidth": "\uff4b",
    "zero width": "k\u200b",
    "byte order mark": "\ufeffk",
    "override": "\u202ek",
    "emoji": "🔥",
    "joined emoji": "👩\u200d💻",
    "its first part": "👩",
    "noncharacter": "\uffff",
    "last of Unicode": "\U0010ffff",
    "quotes": "'\"\\",
    "wildcards": "%_*",
    "512 characters": "x" * 512,
    "513 characters": "x" * 513,
    "64 KiB": "x" * 65_536,
    "64 KiB, another end": "x" * 65_535 + "y",
    "512 emoji": "🔥" * 512,
    "513 emoji": "🔥" * 513,
}
NO_KEYS: dict[str, bytes] = {
    "null": b'{"id": null}',
    "empty text": b'{"id": ""}',
    "object": b'{"id": {"a": 1}}',
    "empty object": b'{"id": {}}',
    "array": b'{"id": ["a"]}',
    "missing": b"{}",
    "of another case": b'{"ID": "a"}',
    "within an array": b'[{"id": "a"}]',
    "text for a body": b'"id"',
    "number for a body": b"1",
    "null for a body": b"null",
    "no JSON": b'{"id": "a"',
    "name twice": b'{"id": "a", "id": "b"}',
    "lone surrogate": b'{"id": "\\ud800"}',
    "1e400": b'{"id": 1e400}',
    "NaN": b'{"id": NaN}',
    "no UTF-8": b'{"id": "\xff"}',
    "UTF-16": '{"id": "a"}'.encode("utf-16"),
    "nothing": b"",
}


def of_value(name: str, value: Any) -> Case:
    body = json.dumps({"id": value}, ensure_ascii=False).encode()
    return taken(
        f"value: {name}",
        "ById",
        headers=JSON,
        body=body,
        again="duplicate",
        seen={"input.body.id": f"number {value}" if isinstance(value, float) else value},
    )


IDEMPOTENCY: list[Case] = [
    *(
        taken(f"header: {name}", headers=(("Idempotency-Key", key),), body=b"x", again="duplicate")
        for name, key in SENT.items()
    ),
    *(of_value(name, value) for name, value in VALUES.items()),
    *(
        taken(f"no key: {name}", "ById", headers=JSON, body=body, again="another")
        for name, body in NO_KEYS.items()
    ),
    taken("header empty", headers=(("Idempotency-Key", ""),), again="another"),
    taken("header of spaces", headers=(("Idempotency-Key", "   "),), again="another"),
    taken("no header", again="another"),
    taken("another header", headers=(("X-Idempotency-Key", "idem-1"),), again="another"),
    taken(
        "two headers are one key",
        headers=(("Idempotency-Key", "a"), ("Idempotency-Key", "b")),
        again="duplicate",
    ),
    taken(
        "header where the path is another",
        "ById",
        headers=(("Idempotency-Key", "a"),),
        again="another",
    ),
    taken(
        "form",
        "ById",
        headers=typed("application/x-www-form-urlencoded"),
        body=b"id=form",
        again="duplicate",
    ),
    taken(
        "form, twice",
        "ById",
        headers=typed("application/x-www-form-urlencoded"),
        body=b"id=1&id=2",
        again="another",
    ),
    taken(
        "form, NUL",
        "ById",
        headers=typed("application/x-www-form-urlencoded"),
        body=b"id=%00f",
        again="duplicate",
    ),
    taken(
        "XML has a root", "ById", headers=typed("text/xml"), body=b"<id>a</id>", again="duplicate"
    ),
    taken(
        "XML with an attribute",
        "ById",
        headers=typed("text/xml"),
        body=b"<id b='1'>a</id>",
        again="another",
    ),
    taken("text", "ById", headers=typed("text/plain"), body=b"id", again="another"),
    taken("query", "ByQuery?id=a", again="duplicate"),
    taken("query, NUL", "ByQuery?id=%00", again="duplicate"),
    taken("query, emoji", "ByQuery?id=%f0%9f%94%a5", again="duplicate"),
    taken("query, 7,000 characters", "ByQuery?id=" + "q" * 7000, again="duplicate"),
    taken("query, empty", "ByQuery?id=", again="another"),
    taken("query, twice", "ByQuery?id=a&id=b", again="another"),
]
