"""HTTP/1.1 to the letter: what is refused, in which order answers come, what upgrades become."""

from __future__ import annotations

import pytest

from firesteel.model.execution import Response
from tests.support.raw_http import request
from tests.unit.gateway.conftest import Served

# What java.net.http.HttpClient sends first on a connection, in its order (OpenJDK 17).
JAVA = (
    b"POST /t37ed/Open HTTP/1.1\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Content-Length: 5\r\n"
    b"Host: 127.0.0.1:8080\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    b"Upgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\n"
    b"Content-Type: application/json\r\n"
    b"\r\n"
)
CHUNKED_JAVA = JAVA.replace(b"Content-Length: 5", b"Transfer-encoding: chunked")


async def accepted_bodies(served: Served, pieces: list[bytes], calls: int) -> list[bytes]:
    """Send the pieces on one connection; the bodies of the calls that were accepted."""
    served.engine.publish({"name": "Open"})
    async with await served.connect() as connection:
        for piece in pieces:
            await connection.send(piece)
        for _ in range(calls):
            assert (await connection.answer()).status == 202
    return [call.body for call in served.engine.calls]


@pytest.mark.parametrize(
    "pieces",
    [
        [JAVA + b"hello"],
        [JAVA, b"hello"],
        [JAVA + b"he", b"l", b"lo"],
        [JAVA[:30], JAVA[30:90], JAVA[90:] + b"hello"],
        [CHUNKED_JAVA + b"5\r\nhello\r\n0\r\n\r\n"],
        [CHUNKED_JAVA, b"2\r\nhe\r\n", b"3\r\nllo\r\n", b"0\r\n\r\n"],
        [bytes([byte]) for byte in JAVA + b"hello"],
    ],
)
async def test_a_request_that_asks_for_h2c_arrives_with_its_body(
    served: Served, pieces: list[bytes]
) -> None:
    assert await accepted_bodies(served, pieces, 1) == [b"hello"]
    headers = dict(served.engine.calls[0].request.headers)
    assert headers[b"upgrade"] == b"h2c"
    assert headers[b"connection"] == b"Upgrade, HTTP2-Settings"
    assert len(headers) == len(served.engine.calls[0].request.headers)


async def test_requests_that_ask_for_h2c_may_be_pipelined(served: Served) -> None:
    data = JAVA + b"first" + CHUNKED_JAVA + b"1\r\n2\r\n0\r\n\r\n" + JAVA + b"third"
    assert await accepted_bodies(served, [data], 3) == [b"first", b"2", b"third"]


async def test_any_other_upgrade_is_ignored_likewise(served: Served) -> None:
    websocket = request(
        "POST", "/t37ed/Open", b"hello", connection="keep-alive, Upgrade", upgrade="websocket"
    )
    assert await accepted_bodies(served, [websocket * 2], 2) == [b"hello", b"hello"]


async def test_a_request_at_the_limits_is_taken_however_it_is_cut(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    query = b"a" * (8192 - len("/t37ed/Open?"))
    lines = b"".join(b"A%d: %s\r\n" % (number, b"b" * 300) for number in range(99))
    data = b"GET /t37ed/Open?%b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (query, lines)
    async with await served.connect() as connection:
        for start in range(0, len(data), 1000):
            await connection.send(data[start : start + 1000])
        assert (await connection.answer()).status == 202


RTSP = b"GET /t37ed/Open RTSP/1.0\r\nHost: a\r\n\r\n"
GOOD = request("POST", "/t37ed/Open", b"R: GET /t37ed/Open")


QUOTES = b"GET /t37ed/Open HTTP/1.1\r\nHost: a\r\nVia: GET /t37ed/Open HTTP/1.1\r\n\r\n"
BEFORE = [b"", b"\r\n", GOOD, GOOD * 3, QUOTES]


@pytest.mark.parametrize("before", BEFORE, ids=range(5))
async def test_p40_a_request_of_rtsp_is_refused_however_it_is_cut(
    served: Served, before: bytes
) -> None:
    served.engine.publish({"name": "Open"})
    taken = before.count(b"Host: ")
    for cut in range(1, len(RTSP)):
        async with await served.connect() as connection:
            await connection.send(before + RTSP[:cut])
            for _ in range(taken):  # so what comes next comes alone
                assert (await connection.answer()).status == 202
            await connection.send(RTSP[cut:])
            assert (await connection.answer()).code == "bad_request"
            assert await connection.rest() == b""
    assert len(served.engine.calls) == taken * (len(RTSP) - 1)


@pytest.mark.parametrize("first", [b"Via: a\r\n", b""], ids=["second", "first"])
async def test_a_request_that_only_speaks_of_rtsp_is_taken_however_it_is_cut(
    served: Served, first: bytes
) -> None:
    served.engine.publish({"name": "Open"})
    data = (
        b"POST /t37ed/Open HTTP/1.1\r\n" + first + b"Via: GET /t37ed/Open RTSP/1.0\r\nHost: a\r\n"
        b"Content-Length: 26\r\n\r\nGET /t37ed/Open RTSP/1.0\r\n"
    )
    async with await served.connect() as connection:
        for cut in range(1, len(data)):
            await connection.send(data + data[:cut])
            assert (await connection.answer()).status == 202
            await connection.send(data[cut:])
            assert (await connection.answer()).status == 202
    assert len(served.engine.calls) == 2 * (len(data) - 1)
    assert {call.body for call in served.engine.calls} == {b"GET /t37ed/Open RTSP/1.0\r\n"}


async def test_trailers_do_not_become_headers_of_this_or_the_next_request(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    head = request("POST", "/t37ed/Open", transfer_encoding="chunked")
    async with await served.connect() as connection:
        await connection.send(head + b"1\r\na\r\n0\r\nX-Api-Key: k\r\nX-Last: 1\r\n\r\n")
        await connection.send(request("GET", "/t37ed/Open"))
        assert (await connection.answer()).status == 202
        assert (await connection.answer()).status == 202
    first, second = [dict(call.request.headers) for call in served.engine.calls]
    assert set(first) == {b"host", b"transfer-encoding"}
    assert set(second) == {b"host"}


# More than two reads of 256 KiB, so that the bound is met however the bytes are cut.
@pytest.mark.parametrize("barren", [b"X-T: " + b"t" * 600_000, b"1;" + b"e" * 600_000])
async def test_endless_trailers_and_extensions_of_chunks_are_refused(
    served: Served, barren: bytes
) -> None:
    served.engine.publish({"name": "Open"})
    head = request("POST", "/t37ed/Open", transfer_encoding="chunked")
    start = b"0\r\n" if barren.startswith(b"X") else b""
    async with await served.connect() as connection:
        await connection.send(head + start)
        for at in range(0, len(barren), 10_000):
            await connection.send(barren[at : at + 10_000])
        assert (await connection.answer()).code == "headers_too_large"
    assert served.engine.calls == []


async def test_a_malformed_request_does_not_cost_the_one_before_it_its_answer(
    served: Served,
) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: None
    broken_chunk = request("POST", "/t37ed/Ask", transfer_encoding="chunked") + b"zz\r\n"
    for broken in (b"GARBAGE\r\n\r\n", broken_chunk):
        served.engine.accepted.clear()
        async with await served.connect() as connection:
            await connection.send(request("POST", "/t37ed/Ask", b"1") + broken)
            await served.engine.accepted.wait()
            served.engine.finish(Response(200, [], b"the answer"))
            assert (await connection.answer()).body == b"the answer"
            assert (await connection.answer()).code == "bad_request"
            assert await connection.rest() == b""
    assert len(served.engine.calls) == 2


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    served.engine.publish({"name": "Echo", "trigger": {"request_response": True}})
    served.engine.answer = lambda call: Response(200, [], call.body)
    bodies = [b"%d" % number for number in range(50)]
    async with await served.connect() as connection:
        await connection.send(b"".join(request("POST", "/t37ed/Echo", body) for body in bodies))
        assert [(await connection.answer()).body for _ in bodies] == bodies


async def test_an_early_answer_with_a_long_rest_closes_and_is_seen(served: Served) -> None:
    async with await served.connect() as connection:
        await connection.send(request("POST", "/none", content_length="10000000"))
        await connection.send(b"x" * 3_000_000)
        answer = await connection.answer()
        assert (answer.code, answer["connection"]) == ("not_found", "close")
        assert await connection.rest() == b""


async def test_an_early_answer_with_a_short_rest_keeps_the_connection(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    async with await served.connect() as connection:
        answer = await connection.call(request("POST", "/none", content_length="10"))
        assert (answer.code, answer.get("connection")) == ("not_found", None)
        answer = await connection.call(b"0123456789" + request("GET", "/t37ed/Open"))
        assert answer.status == 202
    assert served.engine.calls[0].body == b""


async def test_100_continue_is_sent_once_the_checks_have_passed(served: Served) -> None:
    served.engine.publish({"name": "Open", "trigger": {"max_body": "5B"}})
    async with await served.connect() as connection:
        head = request("POST", "/t37ed/Open", content_length="5", expect="100-continue")
        assert (await connection.call(head)).status == 100
        assert (await connection.call(b"hello")).status == 202
    async with await served.connect() as connection:
        head = request("POST", "/t37ed/Open", content_length="6", expect="100-continue")
        assert (await connection.call(head)).code == "body_too_large"
        assert await connection.rest() == b""


async def test_http_1_0_is_answered_and_closed(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    async with await served.connect() as connection:
        answer = await connection.call(b"GET /t37ed/Open HTTP/1.0\r\n\r\n")
        assert (answer.status, answer["connection"]) == (202, "close")
        assert await connection.rest() == b""


async def test_the_absolute_form_of_a_target_is_taken(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    answer = await served.call("GET", "http://firesteel.test/t37ed/Open?a=1")
    assert answer.status == 202
    assert served.engine.calls[0].request.raw_query == b"a=1"


async def test_a_connection_that_ends_within_a_body_starts_nothing(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    connection = await served.connect()
    await connection.send(request("POST", "/t37ed/Open", content_length="10") + b"half")
    connection.close()
    assert (await served.call("GET", "/t37ed/Open")).status == 202
    await served.listener.stop(5.0)
    assert len(served.engine.calls) == 1
