"""Query strings: escapes, repetition, number, and each type of a parameter at its limits."""

from __future__ import annotations

from typing import Any

from tests.corpus.case import CANARY, Case, refused, taken

BIG = "9" * 4300
# Value as it is sent, and as the workflow sees it.
TEXTS: dict[str, tuple[str, Any]] = {
    "text": ("text=a", "a"),
    "empty": ("text=", ""),
    "no equals sign": ("text", ""),
    "two equals signs": ("text=a=b", "a=b"),
    "only equals signs": ("text===", "=="),
    "plus": ("text=a+b", "a b"),
    "plus escaped": ("text=a%2Bb", "a+b"),
    "space escaped": ("text=a%20b", "a b"),
    "ampersand escaped": ("text=a%26b", "a&b"),
    "percent escaped": ("text=100%25", "100%"),
    "twice escaped": ("text=%2541", "%41"),
    "name escaped": ("%74ext=a", "a"),
    "semicolon is no separator": ("text=a;b=c", "a;b=c"),
    "empty pairs around": ("&&text=a&&", "a"),
    "NUL": ("text=a%00b", "a\x00b"),
    "line end": ("text=a%0d%0ab", "a\r\nb"),
    "escape character": ("text=%1b[31m", "\x1b[31m"),
    "two bytes": ("text=%c3%a5", "å"),
    "four bytes": ("text=%f0%9f%94%a5", "🔥"),
    "last character of Unicode": ("text=%f4%8f%bf%bf", "\U0010ffff"),
    "noncharacter": ("text=%ef%bf%be", "\ufffe"),
    "private use": ("text=%ee%80%80", "\ue000"),
    "private use and a digit": ("text=%ee%80%800", "\ue0000"),
    "byte order mark": ("text=%ef%bb%bfa", "\ufeffa"),
    "right to left": ("text=%d7%a9%d7%9c", "של"),
    "override": ("text=%e2%80%aeabc", "\u202eabc"),
    "combining": ("text=e%cc%81", "e\u0301"),
    "name that is not ASCII": ("gr%c3%b6%c3%9fe=7", None),
    "apostrophes": ("text='%20or%201=1%20--", "' or 1=1 --"),
    "markup": ("text=<script>", "<script>"),
    "expression": ("text={%25%20body%20%25}", "{% body %}"),
    "reference": ("text=${HOME}", "${HOME}"),
    "7000 characters": ("text=" + "a" * 7000, "a" * 7000),
}
NOT_UTF8 = {
    "percent sign alone": "text=%",
    "one digit": "text=%4",
    "no digits": "text=%zz",
    "digit and letter": "text=%4g",
    "sign within": "text=%-1",
    "plus within": "text=%+1",
    "%u": "text=%u0041",
    "no UTF-8": "text=%ff",
    "cut off": "text=%c3",
    "continuation alone": "text=%80",
    "overlong": "text=%c0%80",
    "overlong in three bytes": "text=%e0%80%af",
    "surrogate": "text=%ed%a0%80",
    "surrogate pair": "text=%ed%a0%bd%ed%b4%a5",
    "beyond Unicode": "text=%f4%90%80%80",
    "five bytes": "text=%f8%88%80%80%80",
    "UTF-16": "text=%fe%ff%00a",
    "Latin-1": "text=%e5",
    "name": "%ff=a",
    "undeclared name": f"{CANARY}%ff=a",
}
# Of each type: what is taken, as JSON shows it, and what is wrong.
TYPED: dict[str, dict[str, Any]] = {
    "integer": {
        "0": 0,
        "-0": 0,
        "1": 1,
        "-1": -1,
        "007": 7,
        "-007": -7,
        "9007199254740991": 2**53 - 1,
        "9007199254740993": 2**53 + 1,
        "9223372036854775807": 2**63 - 1,
        "9223372036854775808": 2**63,
        "-9223372036854775809": -(2**63) - 1,
        "18446744073709551616": 2**64,
        "1" + "0" * 400: 10**400,
        BIG: int(BIG),
    },
    "number": {
        "0": 0,
        "-0": 0,
        "1": 1,
        "1.50": "number 1.50",
        "-0.25": "number -0.25",
        "9007199254740993": 2**53 + 1,
        "0.1": "number 0.1",
        "3.14159265358979323846264338327950288": "number 3.14159265358979323846264338327950288",
    },
    "boolean": {"true": True, "false": False, "1": True, "0": False},
    "date": {
        day: day for day in ("0001-01-01", "1582-10-10", "2000-02-29", "2024-02-29", "9999-12-31")
    },
    "colour": {"red": "red", "gr%c3%bcn": "grün"},
}
WRONG: dict[str, tuple[str, ...]] = {
    "integer": (
        "",
        "%20",
        "1.0",
        "1.",
        "1e3",
        "+1",
        "%2B1",
        "--1",
        "- 1",
        "0x10",
        "0b1",
        "1_000",
        "1,000",
        "1%20000",
        "1%00",
        "1%0a",
        "%091",
        "one",
        "NaN",
        "Infinity",
        "null",
        "true",
        "[]",
        "%c2%bd",
        "%d9%a1",
        "%ef%bc%91",
        "%c2%b2",
        "%e2%81%b5",
        "1%cc%81",
        "%e2%88%921",
        "9" * 4301,
        "-" + "9" * 4300,
    ),
    "number": (
        "",
        ".5",
        "5.",
        "01",
        "+1",
        "-",
        "1e",
        "1e+",
        "1e1.5",
        "1e400",
        "-1e400",
        "1e-400",
        "1e99999999999999999999",
        "1.5.5",
        "1,5",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "0x1p3",
        "1_0",
        "1%00",
        "1%0a",
        "%d9%a1.%d9%a2",
        "1.%d9%a2",
        "true",
        "9" * 4301,
        "0." + "1" * 4300,
        "1d5",
        "1f",
        "12%25",
    ),
    "boolean": (
        "",
        "TRUE",
        "True",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "t",
        "2",
        "-1",
        "00",
        "01",
        "1.0",
        "true%20",
        "true%00",
        "true%0a",
        "null",
        "%ef%bd%94%ef%bd%92%ef%bd%95%ef%bd%85",
    ),
    "date": (
        "",
        "2026-02-29",
        "1900-02-29",
        "2026-02-30",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "0000-01-01",
        "10000-01-01",
        "-2026-01-01",
        "26-01-01",
        "2026-1-1",
        "20260101",
        "2026/01/01",
        "01-02-2026",
        "2026-001",
        "2026-W01-1",
        "2026-01-01T00:00:00Z",
        "2026-01-01%20",
        "%202026-01-01",
        "2026-01-01%00",
        "2026-01-01%0a",
        "today",
        "%d9%a2026-01-01",
        "2026%e2%88%9201%e2%88%9201",
        "+2026-01-01",
    ),
}


def sent(name: str, value: str) -> str:
    return f"Query?{name}={value}"


def short(value: str) -> str:
    return value if len(value) < 40 else f"{value[:20]}... of {len(value)} characters"


def many(count: int) -> str:
    return "&".join(f"p{number}=" for number in range(count))


QUERIES: list[Case] = [
    *(
        taken(name, f"Query?{query}", seen={} if value is None else {"query.text": value})
        for name, (query, value) in TEXTS.items()
    ),
    *(
        refused(
            f"escape {name} to {to}", 400, "invalid_parameters", f"{to}?{query}", faults="not_utf8"
        )
        for name, query in NOT_UTF8.items()
        for to in ("Query", "Seen")
    ),
    *(
        taken(f"{name} {short(text)}", sent(name, text), seen={f"query.{name}": value})
        for name, values in TYPED.items()
        for text, value in values.items()
    ),
    *(
        refused(
            f"{name} {short(text)!r}",
            400,
            "invalid_parameters",
            sent(name, text).replace(" ", "%20"),
            faults="wrong_type",
        )
        for name, texts in WRONG.items()
        for text in texts
    ),
    refused(
        "not of the enum", 400, "invalid_parameters", sent("colour", CANARY), faults="not_in_enum"
    ),
    refused(
        "the enum's other case",
        400,
        "invalid_parameters",
        sent("colour", "Red"),
        faults="not_in_enum",
    ),
    refused(
        "the enum decomposed",
        400,
        "invalid_parameters",
        sent("colour", "gru%cc%88n"),
        faults="not_in_enum",
    ),
    refused("sent twice", 400, "invalid_parameters", "Query?text=a&text=a", faults="repeated"),
    refused(
        "sent twice, once escaped",
        400,
        "invalid_parameters",
        "Query?text=a&te%78t=b",
        faults="repeated",
    ),
    taken("many in order", "Query?many=b&many=a&many=b", seen={"query.many": ["b", "a", "b"]}),
    taken("many, empty", "Query?many=&many", seen={"query.many": ["", ""]}),
    taken("undeclared twice", "Query?x=1&x=2", seen={"query.x": ["1", "2"]}),
    taken("brackets mean nothing", "Query?a[b]=1&a[]=2", seen={"query.a[]": "2"}),
    taken("name without a value", "Query?=x", seen={"query_pairs": [["", "x"]]}),
    taken("other case is another name", "Query?TEXT=a", seen={"query.TEXT": "a"}),
    taken("names of Python's objects", "Query?__proto__=1&constructor=2&__class__=3"),
    taken("a thousand pairs", f"Query?{many(1000)}", seen={"query.p999": ""}),
    refused(
        "a thousand and one", 400, "invalid_parameters", f"Query?{many(1001)}", faults="too_many"
    ),
    refused(
        "seven thousand separators",
        400,
        "invalid_parameters",
        "Query?" + "&" * 7000,
        faults="too_many",
    ),
    taken("a thousand of one name", "Query?" + "&".join(["many="] * 1000)),
    refused(
        "undeclared where that is refused",
        400,
        "invalid_parameters",
        f"Strict?{CANARY}=1",
        faults="undeclared",
    ),
    refused("raw UTF-8", 400, "bad_request", "Query?text=\xe5"),
    refused("raw bytes that are no UTF-8", 400, "bad_request", b"Query?text=\xff"),
    refused("raw space", 400, "bad_request", "Query?text=a b"),
    refused("raw fragment", 400, "bad_request", "Query?text=a#b"),
    refused(
        "all at once",
        400,
        "invalid_parameters",
        "Strict?integer=x&number=y&boolean=z&date=d&colour=c&text=1&text=2&q=1&a=%ff",
        faults="wrong_type not_in_enum repeated undeclared not_utf8",
    ),
    taken("query of a POST", "Query?integer=7", body=b"{}", seen={"query.integer": 7}),
]
