"""XML: bombs, outside entities, document types, depth and size, and encodings.

Nothing is expanded and nothing is fetched: a document type is refused as a whole, in every
encoding. What is refused where XML is demanded is kept as bytes where it is not.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.corpus.case import CANARY, Case, refused, taken, typed

XML = typed("application/xml")


def laughs(depth: int, wide: int) -> bytes:
    """Entities that expand to ``wide`` to the power of ``depth``."""
    lines = ["<!ENTITY l0 'ha'>"]
    lines += [f"<!ENTITY l{n} '{f'&l{n - 1};' * wide}'>" for n in range(1, depth + 1)]
    return f"<!DOCTYPE a [{''.join(lines)}]><a>&l{depth};</a>".encode()


def declared(encoding: str, text: str = "<a>1</a>") -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{text}'


VALID: dict[str, tuple[bytes, Any]] = {
    "element": (b"<a/>", {"a": None}),
    "text": (b"<a>1</a>", {"a": "1"}),
    "space around": (b"\n <a>1</a>\n ", {"a": "1"}),
    "declaration": (declared("utf-8").encode(), {"a": "1"}),
    "attributes": (b"<a b='1' c=\"2\"/>", {"a": {"@b": "1", "@c": "2"}}),
    "its own entities": (b"<a>&lt;&amp;&gt;&quot;&apos;</a>", {"a": "<&>\"'"}),
    "characters by number": (b"<a>&#229;&#xe5;&#x1f525;</a>", {"a": "åå🔥"}),
    "CDATA": (b"<a><![CDATA[<b>&amp;]]></a>", {"a": "<b>&amp;"}),
    "comment": (b"<a><!-- b -->1</a>", {"a": "1"}),
    "processing instruction": (b"<a><?php echo 1 ?>1</a>", {"a": "1"}),
    "stylesheet": (b"<?xml-stylesheet href='http://127.0.0.1:9/x'?><a/>", {"a": None}),
    "prefixes": (b"<x:a xmlns:x='urn:x'><x:b/></x:a>", {"x:a": {"@xmlns:x": "urn:x", "x:b": None}}),
    "prefix of nothing": (b"<x:a/>", {"x:a": None}),
    "schema's place": (
        b"<a xsi='x' xsi.schemaLocation='http://127.0.0.1:9/x'/>",
        {"a": {"@xsi": "x", "@xsi.schemaLocation": "http://127.0.0.1:9/x"}},
    ),
    "include": (
        b"<x:include xmlns:x='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>",
        None,
    ),
    "repeated": (b"<a><b>1</b><b>2</b></a>", {"a": {"b": ["1", "2"]}}),
    "mixed": (b"<a>1<b/>2</a>", {"a": {"b": None, "#text": "12"}}),
    "names that are not ASCII": ("<größe>1</größe>".encode(), {"größe": "1"}),
    "199 deep": (b"<a>" * 199 + b"</a>" * 199, None),
    "attribute of 60 KiB": (b"<a b='" + b"v" * 60_000 + b"'/>", {"a": {"@b": "v" * 60_000}}),
    "name of 10,000": (b"<" + b"n" * 10_000 + b"/>", {"n" * 10_000: None}),
    "thousand attributes": (b"<a " + b" ".join(b"b%d=''" % n for n in range(1000)) + b"/>", None),
    "five thousand elements": (b"<a>" + b"<b/>" * 5000 + b"</a>", {"a": {"b": [None] * 5000}}),
    "attribute of 300 KiB": (b"<a b='" + b"v" * 300_000 + b"'/>", None),
    "30,000 elements": (b"<a>" + b"<b/>" * 30_000 + b"</a>", None),
    "UTF-8 with a mark": (b"\xef\xbb\xbf<a>\xc3\xa5</a>", {"a": "å"}),
    "UTF-16 with a mark": ("<a>å</a>".encode("utf-16"), {"a": "å"}),
    "UTF-16 big-endian with a mark": (b"\xfe\xff" + "<a>å</a>".encode("utf-16-be"), {"a": "å"}),
    "UTF-16 declared": (declared("utf-16", "<a>å</a>").encode("utf-16"), {"a": "å"}),
    "Latin-1 declared": (declared("iso-8859-1", "<a>å</a>").encode("latin-1"), {"a": "å"}),
    "Windows declared": (declared("windows-1252", "<a>€</a>").encode("cp1252"), {"a": "€"}),
    "ASCII declared": (declared("us-ascii").encode(), {"a": "1"}),
    "standalone": (b"<?xml version='1.0' standalone='yes'?><a/>", {"a": None}),
}
DTD: dict[str, bytes] = {
    "billion laughs": laughs(9, 10),
    "laughs that are few": laughs(1, 2),
    "laughs of 60 entities": laughs(60, 2),
    "quadratic": b"<!DOCTYPE a [<!ENTITY e '"
    + b"x" * 30_000
    + b"'>]><a>"
    + b"&e;" * 5000
    + b"</a>",
    "entity of itself": b"<!DOCTYPE a [<!ENTITY e '&e;'>]><a>&e;</a>",
    "entities of each other": b"<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>",
    "entity in an attribute": b"<!DOCTYPE a [<!ENTITY e 'x'>]><a b='&e;'/>",
    "entity that is not used": b"<!DOCTYPE a [<!ENTITY e 'x'>]><a/>",
    "outside file": b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
    "outside address": b"<!DOCTYPE a [<!ENTITY e SYSTEM 'http://127.0.0.1:9/'>]><a>&e;</a>",
    "outside address, public": b"<!DOCTYPE a [<!ENTITY e PUBLIC 'x' 'http://127.0.0.1:9/'>]><a/>",
    "outside path": b"<!DOCTYPE a [<!ENTITY e SYSTEM '../../../etc/passwd'>]><a>&e;</a>",
    "outside by expect": b"<!DOCTYPE a [<!ENTITY e SYSTEM 'expect://id'>]><a>&e;</a>",
    "outside by php": b"<!DOCTYPE a [<!ENTITY e SYSTEM 'php://filter/x'>]><a>&e;</a>",
    "parameter entity": b"<!DOCTYPE a [<!ENTITY % e SYSTEM 'http://127.0.0.1:9/'> %e;]><a/>",
    "parameter entity of its own": b"<!DOCTYPE a [<!ENTITY % e 'x'>]><a/>",
    "parameter entities of each other": (
        b"<!DOCTYPE a [<!ENTITY % e '&#37;f;'><!ENTITY % f '&#37;e;'> %e;]><a/>"
    ),
    "outside document type": b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><a/>",
    "public document type": b"<!DOCTYPE html PUBLIC '-//W3C//DTD' 'http://127.0.0.1:9/'><html/>",
    "document type of a file": b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
    "bare document type": b"<!DOCTYPE a><a/>",
    "empty document type": b"<!DOCTYPE a []><a/>",
    "HTML": b"<!DOCTYPE html><html/>",
    "notation": b"<!DOCTYPE a [<!NOTATION n SYSTEM 'x'>]><a/>",
    "unparsed entity": b"<!DOCTYPE a [<!NOTATION n SYSTEM 'x'><!ENTITY e SYSTEM 'x' NDATA n>]><a/>",
    "attribute list": b"<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>",
    "element declaration": b"<!DOCTYPE a [<!ELEMENT a ANY>]><a/>",
    "conditional section": b"<!DOCTYPE a [<![INCLUDE[<!ENTITY e 'x'>]]>]><a/>",
    "space around": b"<!DOCTYPE\n\ta\n[ ]\n>\n<a/>",
    "behind a comment": b"<!-- x --><!DOCTYPE a><a/>",
    "standalone": b"<?xml version='1.0' standalone='yes'?><!DOCTYPE a><a/>",
    "in UTF-16": laughs(9, 10).decode().encode("utf-16"),
    "in UTF-16 without a mark": laughs(1, 2).decode().encode("utf-16-le"),
    "in UTF-16 big-endian": b"\xfe\xff" + laughs(9, 10).decode().encode("utf-16-be"),
    "with a mark": b"\xef\xbb\xbf" + laughs(9, 10),
    "with a declared charset": declared("iso-8859-1", laughs(9, 10).decode()).encode(),
    "of a great name": b"<!DOCTYPE " + b"a" * 30_000 + b"><a/>",
    "of 1,000 entities": b"<!DOCTYPE a ["
    + b"".join(b"<!ENTITY e%d 'x'>" % n for n in range(1000))
    + b"]><a/>",
    "a secret": f"<!DOCTYPE a [<!ENTITY e '{CANARY}'>]><a>&e;</a>".encode(),
}
BROKEN: dict[str, dict[str, bytes]] = {
    "malformed": {
        "space": b" ",
        "text": b"a",
        "NUL": b"\x00",
        "NUL in text": b"<a>\x00</a>",
        "left open": b"<a>",
        "closed by another": b"<a></b>",
        "closed in another case": b"<a></A>",
        "crossed": b"<a><b></a></b>",
        "two roots": b"<a/><b/>",
        "text behind": b"<a/>x",
        "text before": b"x<a/>",
        "no root": b"<!-- -->",
        "only a declaration": b"<?xml version='1.0'?>",
        "declaration behind space": b" <?xml version='1.0'?><a/>",
        "declaration twice": b"<?xml version='1.0'?><?xml version='1.0'?><a/>",
        "version 2": b"<?xml version='2.0'?><a/>",
        "attribute twice": b"<a b='1' b='2'/>",
        "attribute without quotes": b"<a b=1/>",
        "attribute without a value": b"<a b/>",
        "angle in an attribute": b"<a b='<'/>",
        "bare ampersand": b"<a>&</a>",
        "entity left open": b"<a>&lt</a>",
        "unknown entity": b"<a>&nbsp;</a>",
        "number of NUL": b"<a>&#0;</a>",
        "number of a surrogate": b"<a>&#xd800;</a>",
        "number beyond Unicode": b"<a>&#x110000;</a>",
        "number of 5,000 digits": b"<a>&#" + b"9" * 5000 + b";</a>",
        "number of a control": b"<a>&#1;</a>",
        "control": b"<a>\x01</a>",
        "noncharacter": "<a>\ufffe</a>".encode(),
        "name of a digit": b"<1/>",
        "name of a space": b"< a/>",
        "name of NUL": b"<a\x00/>",
        "comment left open": b"<a><!-- </a>",
        "comment of --": b"<!-- -- --><a/>",
        "CDATA left open": b"<a><![CDATA[</a>",
        "CDATA outside": b"<![CDATA[x]]><a/>",
        "]]> in text": b"<a>]]></a>",
        "instruction left open": b"<a><?x </a>",
        "no UTF-8": b"<a>\xff</a>",
        "overlong": b"<a>\xc0\xaf</a>",
        "surrogate": b"<a>\xed\xa0\x80</a>",
        "beyond Unicode": b"<a>\xf4\x90\x80\x80</a>",
        "UTF-16 cut off": "<a/>".encode("utf-16")[:-1],
        "UTF-16 surrogate alone": b"\xff\xfe"
        + "<a>".encode("utf-16-le")
        + b"\x00\xd8"
        + "</a>".encode("utf-16-le"),
        "UTF-7": declared("utf-7", "+ADw-a/+AD4-").encode(),
        "UTF-32": "<a/>".encode("utf-32"),
        "EBCDIC": declared("cp037").encode("cp037"),
        "unknown encoding": declared("x-" + CANARY).encode(),
        "encoding that is not it": declared("utf-16").encode(),
        "empty encoding": declared("").encode(),
        "encoding of Python's": declared("unicode_escape").encode(),
        "encoding hex": declared("hex").encode(),
        "encoding of 5,000": declared("a" * 5000).encode(),
        "JSON": b"{}",
        "HTML that is none": b"<p>a<br>b</p>",
        "mark alone": b"\xef\xbb\xbf",
        "mark twice": b"\xef\xbb\xbf" * 2 + b"<a/>",
        "a secret left open": b"<a>" + CANARY.encode(),
        "30,000 open": b"<a" * 10_000,
        "angles": b"<" * 10_000,
    },
    "nested_too_deeply": {
        "201 deep": b"<a>" * 201 + b"</a>" * 201,
        "10,000 deep": b"<a>" * 10_000 + b"</a>" * 10_000,
        "10,000 open": b"<a>" * 10_000,
        "deep in UTF-16": ("<a>" * 2000).encode("utf-16"),
        "100,000 deep": b"<a>" * 100_000,
    },
}
# Content type, body, and its value where it is taken, else the fault.
CHARSETS: dict[str, tuple[str, bytes, Any]] = {
    "utf-8": ("application/xml; charset=utf-8", "<a>å</a>".encode(), {"a": "å"}),
    "goes before the declaration": (
        "text/xml; charset=iso-8859-1",
        declared("utf-8", "<a>å</a>").encode("latin-1"),
        {"a": "å"},
    ),
    "goes behind the mark": (
        "text/xml; charset=iso-8859-1",
        b"\xef\xbb\xbf<a>\xc3\xa5</a>",
        {"a": "å"},
    ),
    "suffix": ("application/soap+xml; charset=utf-8; action=x", b"<a/>", {"a": None}),
    "quoted": ('application/xml; charset="utf-8"', b"<a/>", {"a": None}),
    "utf-7": ("application/xml; charset=utf-7", b"+ADw-a/+AD4-", "charset_unknown"),
    "unknown": (f"application/xml; charset={CANARY}", b"<a/>", "charset_unknown"),
    "idna": ("application/xml; charset=idna", b"<a/>", "charset_unknown"),
    "rot13": ("application/xml; charset=rot13", b"<n/>", "charset_unknown"),
    "other than the bytes": ("application/xml; charset=utf-16", b"<a/>", "malformed"),
    "bomb in Latin-1": ("text/xml; charset=iso-8859-1", laughs(9, 10), "dtd_forbidden"),
    "JSON's type": ("application/json", b"<a/>", "wrong_content_type"),
    "HTML's type": ("text/html", b"<a/>", "wrong_content_type"),
}


def broken(name: str, body: bytes, fault: str) -> list[Case]:
    """Refused where XML is demanded; else bytes, with a reason."""
    kept = {"body": base64.b64encode(body).decode(), "input.body": None}
    return [
        refused(
            f"{fault}: {name}", 400, "body_invalid", "Xml", headers=XML, body=body, faults=fault
        ),
        taken(f"kept: {name} ({fault})", headers=XML, body=body, seen=kept),
    ]


XML_TEXTS: list[Case] = [
    *(
        taken(
            f"valid: {name}",
            "Xml",
            headers=XML,
            body=body,
            seen={} if value is None else {"input.body": value},
        )
        for name, (body, value) in VALID.items()
    ),
    *(case for name, body in DTD.items() for case in broken(name, body, "dtd_forbidden")),
    *(
        case
        for fault, texts in BROKEN.items()
        for name, body in texts.items()
        for case in broken(name, body, fault)
    ),
    *(
        refused(
            f"charset {name}",
            400,
            "body_invalid",
            "Xml",
            headers=typed(content_type),
            body=body,
            faults=value,
        )
        if isinstance(value, str)
        else taken(
            f"charset {name}",
            "Xml",
            headers=typed(content_type),
            body=body,
            seen={"input.body": value},
        )
        for name, (content_type, body, value) in CHARSETS.items()
    ),
    refused("empty", 400, "body_invalid", "Xml", headers=XML, body=b"", faults="missing"),
    refused("no type", 400, "body_invalid", "Xml", body=b"<a/>", faults="wrong_content_type"),
]
