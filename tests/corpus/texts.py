"""Odd texts and numbers on their way through everything that keeps them: lanes and their keys,
search values, headers, the query, what a workflow prints, and the journal.

That each is found again by its search value, and only there, is asserted in ``test_corpus.py``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.corpus.case import Case, refused, taken, typed

JSON = typed("application/json")
TEXTS: dict[str, str] = {
    "NUL": "\x00",
    "NUL within": "a\x00b",
    "NUL behind": "a\x00",
    "a thousand NULs": "\x00" * 1000,
    "controls": "".join(map(chr, range(1, 32))),
    "more controls": "".join(map(chr, range(0x7F, 0xA0))),
    "line ends": "a\r\nb\nc\rd",
    "separators": "a\u2028b\u2029c\u0085d",
    "escape sequences": "\x1b[2J\x1b]0;title\x07",
    "private use": "\ue000",
    "private use and 0": "\ue0000",
    "private use and 1": "\ue0001",
    "NUL and private use": "\x00\ue0000\ue0001",
    "noncharacters": "\ufdd0\ufffe\uffff\U0001fffe",
    "replacement": "\ufffd",
    "byte order mark": "\ufeff",
    "byte order mark before": "\ufeffa",
    "last of Unicode": "\U0010ffff",
    "right to left": "שלום",
    "arabic": "مرحبا",
    "override": "\u202eabc\u202c",
    "isolates": "\u2066abc\u2069",
    "zero width": "a\u200b\u200c\u200d\u2060b",
    "combining": "e" + "\u0301" * 50,
    "composed": "é",
    "decomposed": "e\u0301",
    "upper case": "STRASSE",
    "sharp s": "STRAßE",
    "turkish i": "İı",
    "emoji": "🔥",
    "emoji with a tone": "👍🏽",
    "family": "👨\u200d👩\u200d👧\u200d👦",
    "flags": "🇸🇪🇸🇪",
    "chinese": "漢字",
    "rare chinese": "𠀀𪚥",
    "space": " ",
    "spaces around": "  a  ",
    "no-break space": "\xa0",
    "quotes": "'\"`´’",
    "backslashes": "\\\\x00\\u0000\\",
    "SQL": "'; drop table message; --",
    "wildcards": "%_%",
    "markup": "<script>alert('a')</script>",
    "entities": "&lt;&#0;&amp;",
    "expression": "{% $eval('1') %}",
    "template": "{{ 7*7 }} ${7*7} #{7*7}",
    "reference": "${FIRESTEEL_ENCRYPTION_KEY}",
    "format": "%s %(a)s {0} {a!r}",
    "lookup": "${jndi:ldap://127.0.0.1/a}",
    "path": "../../../etc/passwd",
    "url": "http://127.0.0.1:9/?a=b#c",
    "null": "null",
    "undefined": "undefined",
    "true": "true",
    "nan": "NaN",
    "number": "0",
    "other zero": "-0",
    "exponent": "1e3",
    "digits that are not ASCII": "١٢٣",
    "2^63": "9223372036854775808",
    "date": "2026-02-30",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "object": '{"a": 1}',
    "prototype": "__proto__",
    "511 characters": "l" * 511,
    "512 characters": "l" * 512,
    "513 characters": "l" * 513,
    "513 characters, another end": "l" * 512 + "m",
    "512 emoji": "🔥" * 512,
    "4 KiB": "m" * 4096,
    "64 KiB": "m" * 65_536,
    "64 KiB of emoji": "🔥" * 16_384,
    "64 KiB of NULs": "\x00" * 65_536,
    "200,000 characters": "n" * 200_000,
}
NUMBERS: dict[str, str] = {
    "zero": "0",
    "negative": "-1",
    "2^31": "2147483648",
    "2^53 + 1": "9007199254740993",
    "2^63 - 1": "9223372036854775807",
    "2^63": "9223372036854775808",
    "-2^63 - 1": "-9223372036854775809",
    "2^64": "18446744073709551616",
    "400 digits": "1" + "0" * 400,
    "4300 digits": "9" * 4300,
    "decimal": "0.1",
    "decimal with zeros": "1.500",
    "small": "1e-308",
    "great": "1e308",
    "true": "true",
    "false": "false",
}
NO_LANE: dict[str, bytes] = {
    "null": b'{"key": null}',
    "empty": b'{"key": ""}',
    "object": b'{"key": {}}',
    "array": b'{"key": ["a"]}',
    "missing": b"{}",
    "no object": b"[]",
    "no JSON": b'{"key": "a"',
    "lone surrogate": b'{"key": "\\udc00"}',
    "name twice": b'{"key": "a", "key": "a"}',
    "1e400": b'{"key": 1e400}',
    "4301 digits": b'{"key": ' + b"9" * 4301 + b"}",
    "nothing": b"",
}


def of_text(name: str, text: str) -> Case:
    query = f"?q={quote(text, safe='')}" if len(text.encode()) < 2500 else ""
    seen: dict[str, Any] = {"input.body.key": text, "printed": text}
    if query:
        seen["query.q"] = text
    body = json.dumps({"key": text}, ensure_ascii=False).encode()
    return taken(f"text {name}", f"Lane{query}", headers=JSON, body=body, seen=seen)


TEXTS_KEPT: list[Case] = [
    *(of_text(name, text) for name, text in TEXTS.items()),
    *(
        taken(f"number {name}", "Lane", headers=JSON, body=f'{{"key": {text}}}'.encode())
        for name, text in NUMBERS.items()
    ),
    *(
        refused(f"no lane: {name}", 400, "missing_key", "Lane", headers=JSON, body=body)
        for name, body in NO_LANE.items()
    ),
    *(
        taken(
            f"lane by query: {name}",
            f"LaneByQuery?lane={quote(text, safe='')}",
            seen={"query.lane": text},
        )
        for name, text in TEXTS.items()
        if len(text.encode()) < 2500
    ),
    refused("lane by query, empty", 400, "missing_key", "LaneByQuery?lane="),
    refused("lane by query, twice", 400, "missing_key", "LaneByQuery?lane=a&lane=b"),
    refused("lane by query, missing", 400, "missing_key", "LaneByQuery"),
]
