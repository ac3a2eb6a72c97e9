"""Where a body ends: lengths, transfer codings, chunks, trailers."""

from __future__ import annotations

from tests.support.http_corpus.case import (
    BAD,
    CHUNKED,
    GOOD,
    HEAD,
    PATH,
    TAKEN,
    Case,
    bad,
    cut,
    taken,
    told,
)

END = b"0\r\n\r\n"


def length(value: bytes, body: bytes = b"hello") -> bytes:
    """A body under a Content-Length."""
    return HEAD + b"Content-Length: " + value + b"\r\n\r\n" + body


def coded(value: bytes) -> bytes:
    """A chunked body under another Transfer-Encoding."""
    return HEAD + b"Transfer-Encoding: " + value + b"\r\n\r\n5\r\nhello\r\n" + END


def chunks(data: bytes) -> bytes:
    """These chunks and the last one."""
    return CHUNKED + data + END


CODED = b"Transfer-Encoding: chunked\r\n"
FIVE = b"Content-Length: 5\r\n"

BODIES = (
    # Two ways to say where it ends
    bad("a length and a coding", HEAD + FIVE + CODED + b"\r\n" + END),
    bad("a coding and a length", HEAD + CODED + FIVE + b"\r\n" + END),
    bad("a length and a coding that is none", HEAD + FIVE + b"Transfer-Encoding: x\r\n\r\nhello"),
    bad("a length and an empty coding", HEAD + FIVE + b"Transfer-Encoding:\r\n\r\nhello"),
    bad("two lengths", HEAD + FIVE + b"Content-Length: 6\r\n\r\nhello!"),
    bad("the same length twice", HEAD + FIVE + FIVE + b"\r\nhello"),
    bad("a length and a coding with a space", HEAD + FIVE + b"Transfer-Encoding : chunked\r\n\r\n"),
    bad("a coding behind a bare LF", HEAD + FIVE + b"A: b\n" + CODED + b"\r\nhello"),
    bad("a coding behind a bare CR", HEAD + FIVE + b"A: b\r" + CODED + b"\r\nhello"),
    # The length
    bad("a list of lengths", length(b"5, 5")),
    bad("a length with a plus", length(b"+5")),
    bad("a negative length", length(b"-5")),
    bad("a hexadecimal length", length(b"0x5")),
    bad("a length with a fraction", length(b"5.0")),
    bad("a length with an exponent", length(b"5e0")),
    bad("a length with a space", length(b"5 5")),
    bad("a length with a letter", length(b"5a")),
    bad("a length in Arabic digits", length(b"\xd9\xa5")),
    bad("an empty length", length(b"")),
    bad("a length in quotes", length(b'"5"')),
    bad("a length of 2^64", length(b"18446744073709551616")),
    bad("a length of 2^64 and five", length(b"18446744073709551621")),
    bad("a length of forty digits", length(b"9" * 40)),
    told("a length of 2^63", length(b"9223372036854775808"), 413, "body_too_large"),
    told("a length over max_body", length(b"10485761"), 413, "body_too_large"),
    taken("a length with zeros before it", length(b"0000000005")),
    taken("a length with spaces around it", length(b"  5 \t")),
    Case("more than its length", length(b"5", b"hello!\r\n\r\n"), (*TAKEN, *BAD), mended=1),
    Case("a body without a length", HEAD + b"\r\nhello\r\n\r\n", (*TAKEN, *BAD), mended=1),
    Case("a request in a body", length(b"5") + GOOD % 0, (*TAKEN, *TAKEN), closes=False, mended=2),
    cut("less than its length", length(b"6")),
    # The coding
    told("gzip", coded(b"gzip"), 501, "not_implemented"),
    told("gzip, then chunked", coded(b"gzip, chunked"), 501, "not_implemented"),
    told("identity", coded(b"identity"), 501, "not_implemented"),
    told("a coding that is none", coded(b"xchunked"), 501, "not_implemented"),
    told("chunked in quotes", coded(b'"chunked"'), 501, "not_implemented"),
    told("chunked with a parameter", coded(b"chunked;a=b"), 501, "not_implemented"),
    bad("chunked, then gzip", coded(b"chunked, gzip")),
    bad("chunked twice", coded(b"chunked, chunked")),
    bad("chunked on two lines", HEAD + CODED + CODED + b"\r\n" + END),
    bad(
        "chunked, then identity on another line",
        HEAD + CODED + b"Transfer-Encoding: identity\r\n\r\n",
    ),
    bad("an empty coding before chunked", coded(b", chunked")),
    bad("an empty coding behind chunked", coded(b"chunked,")),
    bad("no coding", HEAD + b"Transfer-Encoding:\r\n\r\n" + END),
    bad("a control byte before chunked", coded(b"\x0bchunked")),
    bad("a folded coding", coded(b"\r\n chunked"), mended=1),
    bad("a coding on HTTP/1.0", coded(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    taken("chunked in capitals", coded(b"CHUNKED")),
    taken("chunked with spaces around it", coded(b" \tchunked ")),
    Case(
        "a coding with an underscore",
        HEAD + b"Transfer_Encoding: chunked\r\n\r\n5\r\nhello\r\n" + END,
        (*TAKEN, *BAD),
        mended=1,
    ),
    # Chunks
    bad("a chunk without a size", chunks(b"\r\nhello\r\n")),
    bad("a size that is no number", chunks(b"z\r\nhello\r\n")),
    bad("a size with 0x", chunks(b"0x5\r\nhello\r\n")),
    bad("a size with a plus", chunks(b"+5\r\nhello\r\n")),
    bad("a negative size", chunks(b"-5\r\nhello\r\n")),
    bad("a space before the size", chunks(b" 5\r\nhello\r\n")),
    bad("a space behind the size", chunks(b"5 \r\nhello\r\n"), mended=1),
    bad("a tab behind the size", chunks(b"5\t\r\nhello\r\n"), mended=1),
    bad("a size with an underscore", chunks(b"0_5\r\nhello\r\n")),
    bad("a size of 2^64 and five", chunks(b"10000000000000005\r\nhello\r\n")),
    bad("a size of forty digits", chunks(b"f" * 40 + b"\r\nhello\r\n")),
    bad("a chunk that is longer than its size", chunks(b"5\r\nhello!\r\n")),
    bad("no end of a chunk", chunks(b"5\r\nhello")),
    bad("bare LF behind a size", chunks(b"5\nhello\r\n"), mended=1),
    bad("bare CR behind a size", chunks(b"5\rhello\r\n")),
    bad("bare LF behind a chunk", chunks(b"5\r\nhello\n"), mended=1),
    bad("two bytes that are no CRLF behind a chunk", chunks(b"5\r\nhelloXX")),
    bad("bare LF behind the last chunk", CHUNKED + b"5\r\nhello\r\n0\n\n", mended=1),
    bad("bare LF in an extension", chunks(b"5;a\nb\r\nhello\r\n"), mended=1),
    bad("a control byte in an extension", chunks(b"5;a=\x01\r\nhello\r\n"), mended=1),
    taken("sizes in capitals and with zeros", chunks(b"00A\r\nhellohello\r\n")),
    taken("a size of zeros", CHUNKED + b"5\r\nhello\r\n0000\r\n\r\n"),
    taken("an extension", chunks(b"5;a=b\r\nhello\r\n")),
    taken("an extension in quotes", chunks(b'5;a="b c"\r\nhello\r\n')),
    taken("chunks of one byte", chunks(b"1\r\nh\r\n1\r\ni\r\n")),
    taken("no chunk but the last", CHUNKED + END),
    cut("no last chunk", CHUNKED + b"5\r\nhello\r\n"),
    cut("half a chunk", CHUNKED + b"5\r\nhe"),
    # Trailers
    taken("a trailer", CHUNKED + b"0\r\nA: b\r\n\r\n"),
    bad("a length as a trailer", CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", mended=1),
    bad("a trailer without a colon", CHUNKED + b"0\r\nabc\r\n\r\n", mended=1),
    bad("a trailer with a space before the colon", CHUNKED + b"0\r\nA : b\r\n\r\n", mended=1),
    bad("a folded trailer", CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", mended=1),
    told(
        "trailers without an end",
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 100_000,
        431,
        "headers_too_large",
    ),
    # On requests that have none
    taken("a GET with a body", length(b"5").replace(b"POST", b"GET", 1)),
    Case(
        "a GET with a chunked body",
        chunks(b"2\r\nhi\r\n").replace(b"POST", b"GET", 1),
        TAKEN,
        closes=False,
        mended=1,
    ),
    told(
        "a long body for nothing",
        length(b"9").replace(PATH, b"/test/Nothing", 1) + b"more",
        404,
        "not_found",
        closes=False,
    ),
)
