"""The request line, the version, the ends of lines, and what is no HTTP at all."""

from __future__ import annotations

from tests.support.http_corpus.case import (
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


def get(line: bytes) -> bytes:
    """A request without a body that begins with this line."""
    return line + b"\r\nHost: a\r\n\r\n"


LINES = (
    # The version
    bad("HTTP/0.9", b"GET " + PATH + b"\r\n\r\n"),
    bad("HTTP/0.9 with a Host", get(b"GET " + PATH)),
    bad("HTTP/1.2", get(b"GET " + PATH + b" HTTP/1.2"), mended=1),
    bad("HTTP/1.10", get(b"GET " + PATH + b" HTTP/1.10"), mended=1),
    bad("HTTP/2.0", get(b"GET " + PATH + b" HTTP/2.0")),
    bad("HTTP/3", get(b"GET " + PATH + b" HTTP/3")),
    bad("HTTP/11", get(b"GET " + PATH + b" HTTP/11")),
    bad("HTTP/1,1", get(b"GET " + PATH + b" HTTP/1,1")),
    bad("HTTP/+1.1", get(b"GET " + PATH + b" HTTP/+1.1")),
    bad("http/1.1", get(b"GET " + PATH + b" http/1.1")),
    bad("HTTPS/1.1", get(b"GET " + PATH + b" HTTPS/1.1")),
    bad("RTSP/1.0", get(b"GET " + PATH + b" RTSP/1.0")),
    bad("RTSP/1.1", get(b"POST " + PATH + b" RTSP/1.1")),
    bad("RTSP/1.0 behind two spaces", get(b"GET " + PATH + b"  RTSP/1.0")),
    bad("RTSP/1.0 behind an empty line", b"\r\n" + get(b"GET " + PATH + b" RTSP/1.0")),
    bad("a method of RTSP", get(b"DESCRIBE " + PATH + b" RTSP/1.0")),
    bad("ICE/1.0", get(b"SOURCE " + PATH + b" ICE/1.0")),
    bad("the method of ICE", get(b"SOURCE " + PATH + b" HTTP/1.1")),
    taken("a query that names RTSP", get(b"GET " + PATH + b"?a=RTSP/1.0 HTTP/1.1")),
    taken("a header that names RTSP", get(b"GET " + PATH + b" HTTP/1.1\r\nVia: a RTSP/1.0")),
    taken(
        "a header that quotes its own target before RTSP",
        get(b"GET " + PATH + b" HTTP/1.1\r\nVia: GET " + PATH + b" RTSP/1.0"),
    ),
    taken(
        "a body that is a request of RTSP",
        HEAD + b"Content-Length: 20\r\n\r\nGET /test RTSP/1.0\r\n",
    ),
    taken(
        "chunks that are a request of RTSP",
        CHUNKED + b"14\r\nGET /test RTSP/1.0\r\n\r\n0\r\n\r\n",
    ),
    bad("no version", get(b"GET " + PATH + b" ")),
    bad("a space behind the version", get(b"GET " + PATH + b" HTTP/1.1 "), mended=1),
    Case("HTTP/1.0", get(b"GET " + PATH + b" HTTP/1.0"), TAKEN, closes=True, mended=1),
    # The method
    bad("an unknown method", get(b"FIRE " + PATH + b" HTTP/1.1")),
    bad("a method in lower case", get(b"get " + PATH + b" HTTP/1.1")),
    bad("a method with a control byte", get(b"GE\x01T " + PATH + b" HTTP/1.1")),
    bad("a method in quotes", get(b'"GET" ' + PATH + b" HTTP/1.1")),
    bad("no method", get(b" " + PATH + b" HTTP/1.1")),
    bad("a space before the method", get(b" GET " + PATH + b" HTTP/1.1")),
    bad("a byte order mark", get(b"\xef\xbb\xbfGET " + PATH + b" HTTP/1.1")),
    bad("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    told("TRACE", get(b"TRACE " + PATH + b" HTTP/1.1"), 405, "method_not_allowed", closes=False),
    told(
        "OPTIONS", get(b"OPTIONS " + PATH + b" HTTP/1.1"), 405, "method_not_allowed", closes=False
    ),
    told("OPTIONS *", get(b"OPTIONS * HTTP/1.1"), 404, "not_found", closes=False),
    # The target
    bad("no target", get(b"GET  HTTP/1.1")),
    bad("a target with a space", get(b"GET /test/ Open HTTP/1.1")),
    taken("two spaces before the target", get(b"GET  " + PATH + b" HTTP/1.1")),
    taken("two spaces before the version", get(b"GET " + PATH + b"  HTTP/1.1")),
    bad("a tab before the target", get(b"GET\t" + PATH + b" HTTP/1.1")),
    bad("a tab before the version", get(b"GET " + PATH + b"\tHTTP/1.1")),
    bad("a target with a tab", get(b"GET " + PATH + b"?\t HTTP/1.1")),
    bad("a target with NUL", get(b"GET " + PATH + b"\0 HTTP/1.1")),
    bad("a target with DEL", get(b"GET " + PATH + b"?\x7f HTTP/1.1")),
    bad("a target with a byte of Latin-1", get(b"GET " + PATH + b"?\xff HTTP/1.1")),
    bad("a target with UTF-8", get("GET /test/Öpen HTTP/1.1".encode())),
    bad("a target with CR", get(b"GET " + PATH + b"?\r HTTP/1.1")),
    bad("a fragment", get(b"GET " + PATH + b"#a HTTP/1.1"), mended=1),
    bad("a target of another form", get(b"GET test/Open HTTP/1.1")),
    bad("an authority as the target", get(b"GET a:80 HTTP/1.1")),
    told("an asterisk as the target", get(b"GET * HTTP/1.1"), 404, "not_found", closes=False),
    taken("the absolute form", get(b"GET http://a" + PATH + b" HTTP/1.1")),
    bad("the absolute form without a host", get(b"GET http://" + PATH + b" HTTP/1.1")),
    bad("the absolute form with a bad port", get(b"GET http://a:b" + PATH + b" HTTP/1.1")),
    told(
        "a URL of more than 8 KiB",
        get(b"GET " + PATH + b"?" + b"a" * 8192 + b" HTTP/1.1"),
        414,
        "uri_too_long",
    ),
    told("a URL without an end", b"GET /" + b"a" * 20_000, 414, "uri_too_long"),
    # Ends of lines
    bad("bare LF", b"GET " + PATH + b" HTTP/1.1\nHost: a\n\n", mended=1),
    bad("bare LF behind the line", b"GET " + PATH + b" HTTP/1.1\nHost: a\r\n\r\n", mended=1),
    bad("bare LF behind a header", HEAD + b"A: b\nContent-Length: 0\r\n\r\n", mended=1),
    bad("bare LF behind the head", HEAD + b"Content-Length: 0\r\n\n", mended=1),
    bad("bare CR", b"GET " + PATH + b" HTTP/1.1\rHost: a\r\r"),
    bad("bare CR behind the line", b"GET " + PATH + b" HTTP/1.1\rHost: a\r\n\r\n"),
    bad("bare CR behind a header", HEAD + b"A: b\rContent-Length: 0\r\n\r\n"),
    bad("two CR", b"GET " + PATH + b" HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    taken("an empty line before", b"\r\n" + get(b"GET " + PATH + b" HTTP/1.1")),
    taken("two empty lines before", b"\r\n\r\n" + get(b"GET " + PATH + b" HTTP/1.1")),
    # What is not HTTP
    bad("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)),
    bad("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("the PROXY protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GOOD % 0),
    bad("the PROXY protocol, version 2", b"\r\n\r\n\x00\r\nQUIT\n" + bytes(16)),
    bad("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    bad("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    bad("JSON", b'{"method": "GET"}\r\n\r\n'),
    bad("zeros", bytes(64)),
    # Not complete
    cut("one byte", b"G"),
    cut("half a line", b"GET " + PATH),
    cut("no end of the head", HEAD),
    cut("no end of a header", HEAD + b"Content-Len"),
)
