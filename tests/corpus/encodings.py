"""Bodies by their encoding and size: content codings, charsets, byte order marks, CSV, limits.

No content coding is decoded (decision 0043): what is compressed is kept and reaches the workflow as
the bytes that came, so there is nothing to blow up.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import zlib
from typing import Any

from tests.corpus.case import CANARY, Case, refused, taken, typed

TEXT = b'{"a": 1}'
JSON = ("Content-Type", "application/json")
CODED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("x-gzip", gzip.compress(TEXT)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "xz": ("xz", lzma.compress(TEXT)),
    "bzip2": ("bzip2", bz2.compress(TEXT) + b"\xff"),
    "gzip twice": ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    "gzip cut off": ("gzip", gzip.compress(TEXT)[:-5]),
    "gzip with more behind": ("gzip", gzip.compress(TEXT) + b"more"),
    "gzip of 100 MiB": ("gzip", gzip.compress(bytes(100 * 1024 * 1024), 9)),
    "gzip of gzip of much": ("gzip, gzip", gzip.compress(gzip.compress(bytes(20_000_000), 9), 9)),
    "deflate of 20 MB": ("deflate", zlib.compress(bytes(20_000_000), 9)),
    "zstd's first bytes": ("zstd", b"\x28\xb5\x2f\xfd\x00"),
    "brotli's": ("br", b"\x8b\x03\x80"),
}
# What says that it is coded and is not, is what it is.
LABELS = ("identity", "gzip", "br", "", "nonsense", CANARY, "gzip;q=0", "*", "g" * 5000)

CHARSETS: dict[str, tuple[str, bytes, str]] = {
    "none": ("", "å".encode(), "å"),
    "utf-8": ("utf-8", "å🔥".encode(), "å🔥"),
    "utf8": ("utf8", "å".encode(), "å"),
    "in upper case": ("UTF-8", "å".encode(), "å"),
    "quoted": ('"utf-8"', "å".encode(), "å"),
    "utf-8 with a mark": ("utf-8", b"\xef\xbb\xbfa", "\ufeffa"),
    "utf-8-sig": ("utf-8-sig", b"\xef\xbb\xbfa", "a"),
    "utf-16 with a mark": ("utf-16", "å🔥".encode("utf-16"), "å🔥"),
    "utf-16le": ("utf-16le", "å🔥".encode("utf-16-le"), "å🔥"),
    "utf-16be": ("utf-16be", "å🔥".encode("utf-16-be"), "å🔥"),
    "utf-32": ("utf-32", "å".encode("utf-32"), "å"),
    "iso-8859-1": ("iso-8859-1", b"\xe5\x80", "å\x80"),
    "latin1": ("latin1", b"\xe5", "å"),
    "iso-8859-15": ("iso-8859-15", b"\xa4", "€"),
    "windows-1252": ("windows-1252", b"\x80", "€"),
    "us-ascii": ("us-ascii", b"a", "a"),
    "koi8-r": ("koi8-r", "да".encode("koi8-r"), "да"),
    "shift_jis": ("shift_jis", "日本".encode("shift_jis"), "日本"),
    "euc-jp": ("euc-jp", "日本".encode("euc-jp"), "日本"),
    "iso-2022-jp": ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
    "gb18030": ("gb18030", "中🔥".encode("gb18030"), "中🔥"),
    "big5": ("big5", "中".encode("big5"), "中"),
    "euc-kr": ("euc-kr", "한".encode("euc-kr"), "한"),
    "macintosh": ("macintosh", "å".encode("mac-roman"), "å"),
    "EBCDIC": ("cp037", "a".encode("cp037"), "a"),
    "NUL": ("utf-8", b"a\x00b", "a\x00b"),
    "escape characters": ("utf-8", b"\x1b[31m", "\x1b[31m"),
    "64 KiB": ("utf-8", b"x" * 65_536, "x" * 65_536),
}
UNREAD: dict[str, tuple[str, bytes]] = {
    "utf-7": ("utf-7", b"+AOU-"),
    "unicode_escape": ("unicode_escape", b"\\u0041"),
    "raw_unicode_escape": ("raw-unicode-escape", b"\\u0041"),
    "idna": ("idna", b"xn--a" * 2000),
    "punycode": ("punycode", b"a-" * 5000),
    "rot13": ("rot13", b"a"),
    "hex": ("hex", b"41"),
    "base64": ("base64", b"QQ=="),
    "zip": ("zip", zlib.compress(b"a")),
    "bz2": ("bz2", bz2.compress(b"a")),
    "quopri": ("quopri", b"=41"),
    "uu": ("uu", b"a"),
    "undefined": ("undefined", b"a"),
    "mbcs": ("mbcs", b"a"),
    "hz": ("hz", b"a"),
    "iso-2022-kr": ("iso-2022-kr", b"a"),
    "unknown": (CANARY, b"a"),
    "path": ("../../../etc/passwd", b"a"),
    "module": ("os.path", b"a"),
    "900 characters": ("a" * 900, b"a"),
    "utf-8 that is none": ("utf-8", b"\xff"),
    "utf-8 cut off": ("utf-8", b"\xc3"),
    "utf-8 of a surrogate": ("utf-8", b"\xed\xa0\x80"),
    "ascii that is none": ("us-ascii", b"\xe5"),
    "utf-16 cut off": ("utf-16", b"\xff\xfea"),
    "utf-16 of a surrogate": ("utf-16le", b"\x00\xd8"),
    "utf-32 beyond Unicode": ("utf-32le", b"\x00\x00\x11\x00"),
    "windows-1252 of no character": ("windows-1252", b"\x81"),
    "shift_jis that is none": ("shift_jis", b"\xff"),
}
CSV: dict[str, tuple[bytes, Any]] = {
    "rows": (b"a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
    "with a mark": (b"\xef\xbb\xbfa,b\n1,2", [{"a": "1", "b": "2"}]),
    "quotes": (b'a,b\n"1,\n""x""",2', [{"a": '1,\n"x"', "b": "2"}]),
    "short row": (b"a,b\n1", [{"a": "1"}]),
    "empty rows": (b"\n\na\n\n1\n\n", [{"a": "1"}]),
    "header alone": (b"a,b", []),
    "line ends of old": (b"a\r1\r", [{"a": "1"}]),
    "formula": (b"a\n=cmd|' /C calc'!A0", [{"a": "=cmd|' /C calc'!A0"}]),
    "names of objects": (b"__proto__\n1", [{"__proto__": "1"}]),
    "a thousand columns": (b",".join(b"c%d" % n for n in range(1000)), []),
    "NUL": (b"a\n\x00", None),
    "name twice": (b"a,a\n1,2", None),
    "name twice but for space": (b"a, a\n1,2", None),
    "long row": (b"a\n1,2", None),
    "quote left open": (b'a\n"1', None),
    "text behind a quote": (b'a\n"1"x', None),
    "field of 200,000": (b"a\n" + b"x" * 200_000, None),
    "no UTF-8": (b"a\n\xff", None),
    "surrogate": (b"a\n\xed\xa0\x80", None),
}


def kept(name: str, content_type: str, body: bytes) -> Case:
    """Accepted, and bytes for the workflow."""
    seen = {"body": base64.b64encode(body).decode(), "input.body": None}
    return taken(name, headers=typed(content_type), body=body, seen=seen)


def charset(name: str) -> str:
    return f"text/plain; charset={name}" if name else "text/plain"


ENCODINGS: list[Case] = [
    *(
        taken(
            f"coded {name}",
            headers=(JSON, ("Content-Encoding", coding)),
            body=body,
            seen={
                "body": base64.b64encode(body).decode(),
                "input.body": None,
                "headers.content-encoding": coding,
            },
        )
        for name, (coding, body) in CODED.items()
        if len(body) < 60_000
    ),
    *(
        refused(
            f"coded {name} where JSON is demanded",
            400,
            "body_invalid",
            "Json",
            headers=(JSON, ("Content-Encoding", coding)),
            body=body,
            faults="not_utf8",
        )
        for name, (coding, body) in CODED.items()
    ),
    *(
        taken(
            f"said to be {label[:10]!r}",
            "Json",
            headers=(JSON, ("Content-Encoding", label)),
            body=TEXT,
            seen={"input.body": {"a": 1}},
        )
        for label in LABELS
    ),
    *(
        taken(
            f"charset {name}", headers=typed(charset(given)), body=body, seen={"input.body": text}
        )
        for name, (given, body, text) in CHARSETS.items()
    ),
    *(kept(f"charset {name}", charset(given), body) for name, (given, body) in UNREAD.items()),
    *(
        kept(f"CSV {name}", "text/csv", body)
        if rows is None
        else taken(f"CSV {name}", headers=typed("text/csv"), body=body, seen={"input.body": rows})
        for name, (body, rows) in CSV.items()
    ),
    taken("as long as allowed", "Small", body=b"x" * 1024),
    taken("as long as allowed, in chunks", "Small", body=b"x" * 1024, chunked=True),
    refused("a byte too long", 413, "body_too_large", "Small", body=b"x" * 1025),
    refused(
        "a byte too long, in chunks", 413, "body_too_large", "Small", body=b"x" * 1025, chunked=True
    ),
    refused("much too long", 413, "body_too_large", "Small", body=b"x" * 200_000),
    refused(
        "much too long, in chunks",
        413,
        "body_too_large",
        "Small",
        body=b"x" * 200_000,
        chunked=True,
    ),
    refused(
        "said to be of a terabyte",
        413,
        "body_too_large",
        "Small",
        headers=(("Content-Length", "1099511627776"),),
    ),
    refused(
        "over the limit of all", 413, "body_too_large", headers=(("Content-Length", "10485761"),)
    ),
    taken("empty", body=b"", seen={"body": "", "input.body": None}),
    taken("empty, in chunks", body=b"", chunked=True, seen={"body": ""}),
    taken("of a GET", method="GET", body=b"abc", seen={"body": "YWJj"}),
    taken("of a DELETE", method="DELETE", body=b"abc", seen={"body": "YWJj"}),
    taken(
        "every byte",
        body=bytes(range(256)),
        seen={"body": base64.b64encode(bytes(range(256))).decode()},
    ),
    taken(
        "two content types: the last counts",
        "Json",
        headers=(("Content-Type", "text/plain"), JSON),
        body=TEXT,
        seen={"input.body": {"a": 1}},
    ),
    refused(
        "two content types: the first does not",
        400,
        "body_invalid",
        "Json",
        headers=(JSON, ("Content-Type", "text/plain")),
        body=TEXT,
        faults="wrong_content_type",
    ),
]
