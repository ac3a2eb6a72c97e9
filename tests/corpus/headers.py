"""Headers: values that are not ASCII, long ones, many, odd names, and the ones that we read."""

from __future__ import annotations

from tests.corpus.case import CANARY, Case, Headers, refused, taken

LATIN = bytes(range(0x80, 0x100))
VALUES: dict[str, bytes] = {
    "empty": b"",
    "Latin-1": b"\xe5\xe4\xf6",
    "all high bytes": LATIN,
    "UTF-8": "å🔥".encode(),
    "no UTF-8": b"\xff\xfe\xc0\x80",
    "tab within": b"a\tb",
    "spaces within": b"a   b",
    "quotes and backslashes": b'"a\\"b" \'c\'',
    "encoded word": b"=?utf-8?B?w6U=?=",
    "markup": b"<script>alert(1)</script>",
    "format of a log": b"%s%n%x {} {0} ${jndi:ldap://x}",
    "30,000 bytes": b"v" * 30_000,
}
NAMES: dict[str, bytes] = {
    "every sign of a token": b"x!#$%&'*+-.^_`|~0",
    "a digit": b"0",
    "a hyphen": b"-",
    "underscores": b"x_y_z",
    "upper and lower case": b"X-MiXeD",
    "a name of 20,000": b"n" * 20_000,
    "a pseudo header's name": b"path",
    "a name of Python's": b"__class__",
}
MANGLED: dict[str, bytes] = {
    "NUL in a value": b"X-A: a\x00b",
    "escape character in a value": b"X-A: a\x1bb",
    "DEL in a value": b"X-A: a\x7fb",
    "space in a name": b"X A: b",
    "space before the colon": b"X-A : b",
    "tab before the colon": b"X-A\t: b",
    "no name": b": b",
    "no colon": b"X-A",
    "name of UTF-8": "X-Å: b".encode(),
    "name with a slash": b"X/A: b",
    "name with NUL": b"X\x00A: b",
    "folded value": b"X-A: b\r\n c",
}
# What the workflow is told of content types and of bodies that they do not fit.
TYPES: dict[str, bytes] = {
    "empty": b"",
    "no slash": b"json",
    "only a slash": b"/",
    "two slashes": b"a/b/c",
    "asterisks": b"*/*",
    "a list": b"application/json, text/plain",
    "unclosed quote": b'text/plain; charset="utf-8',
    "charset twice": b"text/plain; charset=utf-8; charset=latin-1",
    "empty charset": b"text/plain; charset=",
    "unknown charset": b"text/plain; charset=x-" + CANARY.encode(),
    "charset of Python's": b"text/plain; charset=unicode_escape",
    "charset that is no text": b"text/plain; charset=base64_codec",
    "charset idna": b"text/plain; charset=idna",
    "charset punycode": b"text/plain; charset=punycode",
    "charset undefined": b"text/plain; charset=undefined",
    "charset with NUL escaped": b"text/plain; charset*=utf-8''%00",
    "charset in continuations": b"text/plain; charset*0=ut; charset*1=f-8",
    "charset in another charset": b"text/plain; charset*=x-none''utf-8",
    "charset of 900": b"text/plain; charset=" + b"a" * 900,
    "900 parameters": b"text/plain" + b";a=b" * 220,
    "longer than is read": b"text/plain; charset=" + b"a" * 2000,
    "high bytes": b"text/pl\xe5in; charset=\xff",
    "boundary of high bytes": b"multipart/form-data; boundary=\xff\xfe",
    "comment": b"text/plain (comment)",
    "parameters only": b"; charset=utf-8",
}
LANES = {"plain": b"a", "high bytes": LATIN, "long": b"l" * 15_000, "quotes": b"'\"\\"}


def mangled(name: str, line: bytes) -> Case:
    case_headers: Headers = (("X-First", b"1\r\n" + line),)
    return refused(name, 400, "bad_request", headers=case_headers)


HEADERS: list[Case] = [
    *(
        taken(
            f"value {name}",
            headers=(("X-Value", value),),
            seen={"headers.x-value": value.decode("latin-1")},
        )
        for name, value in VALUES.items()
    ),
    *(
        taken(
            f"name {name}",
            headers=((value, b"v"),),
            seen={} if b"." in value else {f"headers.{value.decode().lower()}": "v"},
        )
        for name, value in NAMES.items()
    ),
    *(mangled(name, line) for name, line in MANGLED.items()),
    *(
        taken(
            f"content type {name}",
            headers=(("Content-Type", value),),
            body=b"a",
            seen={
                "body": "YQ==",
                "content_type": value.decode("latin-1"),
            },
        )
        for name, value in TYPES.items()
    ),
    taken("95 headers", headers=tuple((f"x-{n}", "v") for n in range(95))),
    refused(
        "101 headers", 431, "headers_too_large", headers=tuple((f"x-{n}", "v") for n in range(101))
    ),
    refused("33 KiB of headers", 431, "headers_too_large", headers=(("X-Value", "v" * 33_000),)),
    refused("a name of 33 KiB", 431, "headers_too_large", headers=(("n" * 33_000, "v"),)),
    taken("one name 90 times", headers=tuple(("X-Value", str(n)) for n in range(90))),
    taken(
        "repeated ones keep order",
        headers=(("X-V", "b"), ("X-O", "1"), ("X-V", "a")),
        seen={"headers.x-v": "b, a"},
    ),
    taken(
        "two content types",
        headers=(("Content-Type", "text/plain"), ("Content-Type", "application/json")),
        body=b"{}",
    ),
    taken(
        "cookies are not kept", headers=(("Cookie", f"a={CANARY}"),), seen={"headers.cookie": None}
    ),
    taken(
        "proxy credentials are not kept",
        headers=(("Proxy-Authorization", CANARY), ("Authorization", f"Bearer {CANARY}")),
        seen={"headers.proxy-authorization": None, "headers.authorization": None},
    ),
    taken(
        "forwarded is only data",
        headers=(
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Original-URL", "/-/health"),
            ("X-Rewrite-URL", "/-/health"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("X-Forwarded-Prefix", "/api/v1"),
        ),
        seen={"method": "GET", "path": "/test/Seen"},
    ),
    *(
        taken(f"prefer {value[:20]!r} of {len(value)}", headers=(("Prefer", value),))
        for value in (
            "",
            ",",
            ";",
            "wait=",
            "wait=-1",
            "wait=1.5",
            "wait=x",
            'wait="',
            '"',
            "=",
            "return=minimal",
            "wait=99999999999999999999",
            "a" * 20_000,
            "," * 20_000,
            '"' * 20_000,
            "wait=" + "9" * 20_000,
            'a="\\',
            "wait=\u0663",
        )
    ),
    taken("prefer respond-async", headers=(("Prefer", "respond-async"),), status=202),
    taken("prefer wait=0", headers=(("Prefer", "wait=0"),), status=202),
    taken("prefer in upper case", headers=(("Prefer", "RESPOND-ASYNC"),), status=202),
    *(
        taken(f"request id {name}", headers=(("Request-Id", value),))
        for name, value in {
            "empty": b"",
            "long": b"a" * 5000,
            "spaces": b"a b",
            "high bytes": LATIN,
            "quotes": b'"><',
        }.items()
    ),
    *(
        taken(f"lane {name}", "LaneByHeader", headers=(("X-Lane", value), ("X-H", value)))
        for name, value in LANES.items()
    ),
    refused("lane empty", 400, "missing_key", "LaneByHeader", headers=(("X-Lane", b""),)),
    refused("lane missing", 400, "missing_key", "LaneByHeader"),
]
