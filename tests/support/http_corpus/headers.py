"""Host, and the form, number and size of headers."""

from __future__ import annotations

from tests.support.http_corpus.case import HEAD, PATH, TAKEN, Case, bad, taken, told

NONE = b"Content-Length: 0\r\n\r\n"
LINE = b"POST " + PATH + b" HTTP/1.1\r\n"


def host(lines: bytes) -> bytes:
    """A request with these lines for its Host."""
    return LINE + lines + NONE


def header(line: bytes) -> bytes:
    """A request with one line more."""
    return HEAD + line + b"\r\n" + NONE


HEADERS = (
    # Host
    bad("no Host", LINE + NONE),
    bad("two Hosts", host(b"Host: a\r\nHost: b\r\n")),
    bad("twice the same Host", host(b"Host: a\r\nHost: a\r\n")),
    bad("Host in two spellings", host(b"Host: a\r\nhOST: b\r\n")),
    bad("an empty Host", host(b"Host:\r\n"), mended=1),
    bad("a Host with a space", host(b"Host: a b\r\n")),
    bad("a Host with a path", host(b"Host: a/b\r\n")),
    bad("a Host with a user", host(b"Host: user@a\r\n"), mended=1),
    bad("a Host with a query", host(b"Host: a?b\r\n"), mended=1),
    bad("a Host with a backslash", host(b"Host: a\\b\r\n"), mended=1),
    bad("a Host with a quote", host(b'Host: a"\r\n'), mended=1),
    bad("a Host with NUL", host(b"Host: a\0\r\n")),
    bad("a Host of Latin-1", host(b"Host: \xe4\r\n"), mended=1),
    taken("a Host with a port", host(b"Host: a:8080\r\n")),
    taken("a Host of IPv6", host(b"Host: [::1]:8080\r\n")),
    Case("HTTP/1.0 without a Host", b"GET " + PATH + b" HTTP/1.0\r\n\r\n", TAKEN, mended=1),
    bad("HTTP/1.0 with two Hosts", b"GET " + PATH + b" HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    # The form of a header
    bad("a header without a colon", header(b"abc"), mended=1),
    bad("a header without a name", header(b": b"), mended=1),
    bad("a space before the colon", header(b"A : b"), mended=1),
    bad("a tab before the colon", header(b"A\t: b"), mended=1),
    bad("a space in the name", header(b"A B: c"), mended=1),
    bad("a parenthesis in the name", header(b"A(: b"), mended=1),
    bad("a comma in the name", header(b"A,B: c"), mended=1),
    bad("a byte of Latin-1 in the name", header(b"\xe4: b"), mended=1),
    bad("NUL in the name", header(b"A\0: b")),
    bad("a control byte in the name", header(b"A\x01: b"), mended=1),
    *(
        bad(f"the byte {byte:#04x} in the value", header(b"A: b%cc" % byte), mended=1)
        for byte in (0x00, 0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F)
    ),
    bad("a folded header", header(b"A: b\r\n c"), mended=1),
    bad("a header folded by a tab", header(b"A: b\r\n\tc"), mended=1),
    bad("a fold before the first header", LINE + b" A: b\r\nHost: a\r\n" + NONE, mended=1),
    bad("a fold of the Host", host(b"Host:\r\n a\r\n"), mended=1),
    bad("a fold that holds a header", header(b"A: b\r\n Transfer-Encoding: chunked"), mended=1),
    taken("an empty value", header(b"A:")),
    taken("no space behind the colon", header(b"A:b")),
    taken("a tab in the value", header(b"A: b\tc")),
    taken("a byte of Latin-1 in the value", header(b"A: \xe4")),
    taken("the same header twice", header(b"A: b\r\nA: b")),
    taken("every byte that a name may have", header(b"!#$%&'*+-.^_`|~09azAZ: b")),
    # Number and size
    taken("98 headers more", HEAD + b"A: b\r\n" * 98 + NONE),
    told("more than 100 headers", HEAD + b"A: b\r\n" * 99 + NONE, 431, "headers_too_large"),
    told("1000 headers", HEAD + b"A: b\r\n" * 1000 + NONE, 431, "headers_too_large"),
    told("headers over 32 KiB", header(b"A: " + b"b" * 32768), 431, "headers_too_large"),
    told("a name over 32 KiB", header(b"A" * 32768 + b": b"), 431, "headers_too_large"),
    told("a header without an end", HEAD + b"A: " + b"b" * 300_000, 431, "headers_too_large"),
    # Of the connection
    Case("Connection: close", header(b"Connection: close"), TAKEN, mended=1),
    Case(
        "a request behind Connection: close",
        header(b"Connection: close") + HEAD + NONE,
        TAKEN,
        mended=1,
    ),
    taken("Connection: keep-alive", header(b"Connection: keep-alive")),
    taken("a connection option that is none", header(b"Connection: what, ever")),
    taken("an unknown expectation", header(b"Expect: 200-ok")),
    taken("an upgrade that nobody offers", header(b"Connection: upgrade\r\nUpgrade: websocket")),
)
