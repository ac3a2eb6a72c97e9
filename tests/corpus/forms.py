"""Forms: fields, escapes and numbers of them; multipart with every kind of broken boundary."""

from __future__ import annotations

import base64
from typing import Any

from tests.corpus.case import CANARY, Case, refused, taken, typed

URLENCODED = typed("application/x-www-form-urlencoded")
BOUNDARY = "b0undary"
MULTIPART = typed(f"multipart/form-data; boundary={BOUNDARY}")
FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n1'


def multipart(*parts: bytes, boundary: bytes = BOUNDARY.encode(), end: bytes = b"--\r\n") -> bytes:
    """A body of parts, each with its headers."""
    whole = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return whole + b"--" + boundary + end


def part(parameters: str | bytes, value: bytes = b"1", more: bytes = b"") -> bytes:
    raw = parameters.encode() if isinstance(parameters, str) else parameters
    return b"Content-Disposition: form-data; " + raw + b"\r\n" + more + b"\r\n" + value


def file(name: str | bytes, content: bytes = b"x") -> bytes:
    raw = name.encode() if isinstance(name, str) else name
    return part(b'name="f"; filename="' + raw + b'"', content)


def one_file(name: str, content: bytes = b"x") -> dict[str, Any]:
    """What a workflow sees of it."""
    return {
        "f": {
            "filename": name,
            "content_type": None,
            "size": len(content),
            "base64": base64.b64encode(content).decode(),
        }
    }


FIELDS: dict[str, tuple[bytes, Any]] = {
    "one": (b"a=1", {"a": "1"}),
    "two of a name": (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": "2"}),
    "no value": (b"a", {"a": ""}),
    "empty value": (b"a=", {"a": ""}),
    "no name": (b"=1", {"": "1"}),
    "only separators": (b"&&&", {}),
    "separators around": (b"&a=1&", {"a": "1"}),
    "plus": (b"a=x+y", {"a": "x y"}),
    "plus in a name": (b"x+y=1", {"x y": "1"}),
    "escapes": (b"a=%3d%26%2B%25", {"a": "=&+%"}),
    "equals signs": (b"a=b=c", {"a": "b=c"}),
    "semicolon": (b"a=1;b=2", {"a": "1;b=2"}),
    "UTF-8": (b"a=%c3%a5", {"a": "å"}),
    "raw UTF-8": ("a=å".encode(), {"a": "å"}),
    "emoji": (b"a=%f0%9f%94%a5", {"a": "🔥"}),
    "NUL": (b"a=%00", {"a": "\x00"}),
    "line ends": (b"a=%0d%0a", {"a": "\r\n"}),
    "raw line end": (b"a=1\r\nb=2", {"a": "1\r\nb=2"}),
    "private use": (b"a=%ee%80%800", {"a": "\ue0000"}),
    "brackets": (b"a[b]=1&a[]=2", {"a[b]": "1", "a[]": "2"}),
    "dots": (b"a.b=1", {"a.b": "1"}),
    "names of objects": (b"__proto__=1&constructor=2", {"__proto__": "1", "constructor": "2"}),
    "byte order mark": (b"\xef\xbb\xbfa=1", {"\ufeffa": "1"}),
    "space": (b" ", {" ": ""}),
    "value of 60 KiB": (b"a=" + b"v" * 60_000, {"a": "v" * 60_000}),
    "10,000 fields": (b"&".join(b"f%d=1" % n for n in range(10_000)), None),
    "10,000 of one name": (b"&".join([b"a=1"] * 10_000), {"a": ["1"] * 10_000}),
    "JSON": (b'{"a":1}', {'{"a":1}': ""}),
}
FIELDS_BROKEN: dict[str, dict[str, bytes]] = {
    "malformed": {
        "percent": b"a=%",
        "one digit": b"a=%4",
        "no digits": b"a=%zz",
        "%u": b"a=%u0041",
        "in a name": b"%=1",
        "100%": b"a=100%",
        "sign": b"a=%-1",
        "a secret": b"a=" + CANARY.encode() + b"%",
    },
    "not_utf8": {
        "byte": b"a=%ff",
        "raw byte": b"a=\xff",
        "cut off": b"a=%c3",
        "overlong": b"a=%c0%80",
        "surrogate": b"a=%ed%a0%80",
        "beyond Unicode": b"a=%f4%90%80%80",
        "in a name": b"%ff=1",
        "UTF-16": "a=1".encode("utf-16"),
    },
    "too_many": {"10,001 fields": b"&".join([b"a=1"] * 10_001), "60,000 separators": b"&" * 60_000},
}
PARTS: dict[str, tuple[bytes, Any]] = {
    "one": (multipart(FIELD), {"a": "1"}),
    "two of a name": (multipart(FIELD, FIELD), {"a": ["1", "1"]}),
    "empty value": (multipart(part('name="a"', b"")), {"a": ""}),
    "empty name": (multipart(part('name=""')), {"": "1"}),
    "name without quotes": (multipart(part("name=a")), {"a": "1"}),
    "name escaped": (multipart(part('name="a\\"b"')), {'a"b': "1"}),
    "name of UTF-8": (multipart(part('name="å🔥"')), {"å🔥": "1"}),
    "line end before the first": (b"\r\n" + multipart(FIELD), {"a": "1"}),
    "text behind the last": (multipart(FIELD) + b"epilogue", {"a": "1"}),
    "no line end at the end": (multipart(FIELD, end=b"--"), {"a": "1"}),
    "line ends in a value": (multipart(part('name="a"', b"\r\n1\r\n")), {"a": "\r\n1\r\n"}),
    "almost the boundary": (
        multipart(part('name="a"', b"\r\n--b0undar\r\n-- b0undary")),
        {"a": "\r\n--b0undar\r\n-- b0undary"},
    ),
    "NUL in a value": (multipart(part('name="a"', b"\x00")), {"a": "\x00"}),
    "headers in other case": (
        multipart(b'CONTENT-DISPOSITION: FORM-DATA; NAME="a"\r\n\r\n1'),
        {"a": "1"},
    ),
    "other headers": (multipart(part('name="a"', b"1", b"X-A: b\r\nX-C: d\r\n")), {"a": "1"}),
    "transfer encoding is not decoded": (
        multipart(part('name="a"', b"MQ==", b"Content-Transfer-Encoding: base64\r\n")),
        {"a": "MQ=="},
    ),
    "multipart within": (
        multipart(
            part(
                'name="a"',
                multipart(FIELD, boundary=b"inner"),
                b"Content-Type: multipart/mixed; boundary=inner\r\n",
            )
        ),
        {"a": multipart(FIELD, boundary=b"inner").decode()},
    ),
    "parameters within quotes": (
        multipart(part('name="a; name=b"; filename="c; filename=\\"d"')),
        {"a; name=b": one_file('c; filename="d', b"1")["f"]},
    ),
    "file": (multipart(file("a.txt")), one_file("a.txt")),
    "empty file": (multipart(file("a", b"")), one_file("a", b"")),
    "file of no name": (multipart(file("")), one_file("")),
    "file of bytes": (multipart(file("a", b"\x00\xff\r\n")), one_file("a", b"\x00\xff\r\n")),
    "file with a path": (multipart(file("../../etc/passwd")), one_file("../../etc/passwd")),
    "file with an absolute path": (multipart(file("/etc/passwd")), one_file("/etc/passwd")),
    "file of a device": (multipart(file("CON")), one_file("CON")),
    "file with NUL": (multipart(file(b"a.php\x00.png")), None),
    "file with UTF-8": (multipart(file("å🔥.txt")), one_file("å🔥.txt")),
    "file with an override": (multipart(file("\u202egpj.exe")), one_file("\u202egpj.exe")),
    "file with markup": (multipart(file("<img src=x>")), one_file("<img src=x>")),
    "file with an expression": (multipart(file("{% body %}")), one_file("{% body %}")),
    "file with a name of 4,000": (multipart(file("n" * 4000)), one_file("n" * 4000)),
    "thousand parts": (multipart(*[FIELD] * 1000), {"a": ["1"] * 1000}),
}
PARTS_BROKEN: dict[str, dict[str, bytes]] = {
    "malformed": {
        "nothing but text": b"a=1",
        "only a boundary": b"--b0undary",
        "no end": multipart(FIELD)[:-6],
        "end cut off": multipart(FIELD, end=b"-"),
        "another boundary": multipart(FIELD, boundary=b"other"),
        "headers left open": b'--b0undary\r\nContent-Disposition: form-data; name="a"',
        "no headers": multipart(b"\r\n1"),
        "no name": multipart(part("filename=a")),
        "two dispositions": multipart(
            part('name="a"', more=b'Content-Disposition: form-data; name="b"\r\n')
        ),
        "two dispositions, of one name": multipart(
            part('name="a"', more=b'CONTENT-DISPOSITION: form-data; name="a"\r\n')
        ),
        "two names": multipart(part('name="a"; name="b"')),
        "two names, in other case": multipart(part("name=a ;NAME = b")),
        "two names of a file": multipart(part('name="a"; filename="b"; filename="c"')),
        "two types": multipart(
            part('name="a"; filename="b"', more=b"Content-Type: a/b\r\nContent-Type: c/d\r\n")
        ),
        "no disposition": multipart(b"Content-Type: text/plain\r\n\r\n1"),
        "no colon": multipart(b"Content-Disposition\r\n\r\n1"),
        "space for a header": multipart(b" : b\r\n\r\n1"),
        "NUL in a header's name": multipart(b"a\x00: b\r\n\r\n1"),
        "bare line ends": multipart(FIELD).replace(b"\r\n", b"\n"),
        "JSON": b'{"a":1}',
        "NULs": b"\x00" * 1000,
        "hyphens": b"-" * 10_000,
        "text before the first": b"preamble\r\n" + multipart(FIELD),
        "header of 5,000": multipart(file("n" * 5000)),
        "thousand headers": multipart(part('name="a"', b"1", b"X-A: b\r\n" * 1000)),
        "a secret": b"--" + CANARY.encode(),
    },
    "not_utf8": {
        "value": multipart(part('name="a"', b"\xff")),
        "name": multipart(part(b'name="\xff"')),
        "file's name": multipart(file(b"\xff")),
        "type": multipart(part('name="a"; filename="b"', b"1", b"Content-Type: \xff\r\n")),
    },
    "too_many": {
        "1,001 parts": multipart(*[FIELD] * 1001),
        "3,000 parts": multipart(*[FIELD] * 3000),
    },
}
BOUNDARIES: dict[str, tuple[str | bytes, bool]] = {
    "none": ("multipart/form-data", False),
    "empty": ("multipart/form-data; boundary=", False),
    "quoted": (f'multipart/form-data; boundary="{BOUNDARY}"', True),
    "in upper case": (f"Multipart/Form-Data; BOUNDARY={BOUNDARY}", True),
    "other case than the body's": (f"multipart/form-data; boundary={BOUNDARY.upper()}", False),
    "with a charset": (f"multipart/form-data; charset=utf-8; boundary={BOUNDARY}", True),
    "71 characters": ("multipart/form-data; boundary=" + "b" * 71, False),
    "900 characters": ("multipart/form-data; boundary=" + "b" * 900, False),
    "high bytes": (b"multipart/form-data; boundary=\xff\xfe", False),
    "quote left open": ('multipart/form-data; boundary="b0undary', None),
    "control escaped": ("multipart/form-data; boundary*=utf-8''%0d%0a", False),
}


def demanded(kind: str, headers: Any, bodies: dict[str, dict[str, bytes]]) -> list[Case]:
    """Refused where a form is demanded; else bytes, with a reason."""
    cases = []
    for fault, texts in bodies.items():
        for name, body in texts.items():
            text = f"{kind} {fault}: {name}"
            cases.append(
                refused(text, 400, "body_invalid", "Form", headers=headers, body=body, faults=fault)
            )
            kept = {"body": base64.b64encode(body).decode(), "input.body": None}
            cases.append(taken(f"kept {text}", headers=headers, body=body, seen=kept))
    return cases


def valid(kind: str, headers: Any, bodies: dict[str, tuple[bytes, Any]]) -> list[Case]:
    return [
        taken(
            f"{kind}: {name}",
            "Form",
            headers=headers,
            body=body,
            seen={} if value is None else {"input.body": value},
        )
        for name, (body, value) in bodies.items()
    ]


FORMS: list[Case] = [
    *valid("fields", URLENCODED, FIELDS),
    *demanded("fields", URLENCODED, FIELDS_BROKEN),
    *valid("multipart", MULTIPART, PARTS),
    *demanded("multipart", MULTIPART, PARTS_BROKEN),
    *(
        taken(
            f"boundary {name}",
            "Form",
            headers=typed(text),
            body=multipart(FIELD),
            seen={"input.body": {"a": "1"}},
        )
        if good
        else refused(
            f"boundary {name}",
            400,
            "body_invalid",
            "Form",
            headers=typed(text),
            body=multipart(FIELD),
            faults="malformed",
        )
        for name, (text, good) in BOUNDARIES.items()
    ),
    taken(
        "boundary of 70",
        "Form",
        headers=typed("multipart/form-data; boundary=" + "b" * 70),
        body=multipart(FIELD, boundary=b"b" * 70),
        seen={"input.body": {"a": "1"}},
    ),
    refused("empty", 400, "body_invalid", "Form", headers=URLENCODED, body=b"", faults="missing"),
    refused("no type", 400, "body_invalid", "Form", body=b"a=1", faults="wrong_content_type"),
    refused(
        "multipart of another kind",
        400,
        "body_invalid",
        "Form",
        headers=typed(f"multipart/mixed; boundary={BOUNDARY}"),
        body=multipart(FIELD),
        faults="wrong_content_type",
    ),
]
