"""Promises about accepting: durability, exact bytes, sequences, duplicates, conservation."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import threading
import time
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlsplit

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.conftest import Size
from tests.fault.report import Report
from tests.support.http_server import HttpServer, Reply
from tests.support.node import (
    KEY,
    ProjectFolder,
    RunningNode,
    wait_until,
)
from tests.support.public_port import code_of, workflows
from tests.support.raw_http import Answer, RawConnection, request

CLIENTS = {"quick": 16, "full": 64, "soak": 64}
# Of ten calls two are refused and of seven one is a duplicate: 200,000 are accepted in full size.
CALLS = {"quick": 120, "full": 4700, "soak": 47_000}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url))
    waits = {"request_response": True}
    received = {"python": "work:received"}
    project.integration({"name": "Echo", "trigger": waits, "workflow": received})
    for name in ("Record", "Locked"):
        project.integration({"name": name})
    required = {"query_parameters": [{"name": "n", "required": True}]}
    project.integration({"name": "Numbered", "trigger": required})
    tells = {"python": "work:tells"}
    project.integration({"name": "Once", "trigger": waits, "workflow": tells})
    lane = {"ordered_delivery": {"key": "query.lane", "on_failure": "pause"}}
    once = {**tells, "retry": {"attempts": 1}}
    project.integration({"name": "Kinds", "trigger": lane, "workflow": once})


def port_of(node: RunningNode) -> int:
    port = urlsplit(node.public_url).port
    assert port is not None
    return port


# P01


def test_p01_no_2xx_leaves_while_the_store_cannot_commit(node: RunningNode) -> None:
    """Another connection holds the write lock of the database: calls get 503 with Retry-After, and
    none of them 2xx before the lock is released."""
    answers: list[tuple[float, Any]] = []
    released: list[float] = []

    def call() -> None:
        while True:
            answer = node.call("Locked", json={"n": 1})
            answers.append((time.monotonic(), answer))
            if answer.status_code == 202:
                return

    lock = sqlite3.connect(node.data_dir / "firesteel.db", isolation_level=None)
    lock.execute("begin immediate")
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: answers)
    released.append(time.monotonic())
    lock.execute("rollback")
    lock.close()
    for thread in threads:
        thread.join()
    early = [answer for at, answer in answers if at <= released[0]]
    assert early
    refused = [answer for _, answer in answers if answer.status_code != 202]
    assert not any(answer.status_code == 202 for answer in early)
    assert {code_of(answer) for answer in refused} == {"store_unavailable"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    accepted = [answer.json()["sequence"] for _, answer in answers if answer.status_code == 202]
    assert sorted(accepted) == [1, 2, 3, 4]


# P05

CONTENT_TYPES = [
    None,
    "application/json",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/plain; charset=utf-16",
    "text/csv",
    "application/octet-stream",
    'broken; charset="',
]
RESERVED = {
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
    "expect",
    "prefer",
    "idempotency-key",
    "keep-alive",
    "http2-settings",
    "x-api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
}
OF_THE_CONNECTION = ("host", "content-length")
CREDENTIALS = [
    ("x-api-key", KEY.encode()),
    ("Authorization", b"Bearer x"),
    ("Cookie", b"a=b"),
    ("Proxy-Authorization", b"x"),
]
Header = tuple[str, bytes]
names = st.from_regex(r"[a-zA-Z!#$%&'*+.^_`|~0-9-]{1,12}", fullmatch=True)
values = st.binary(max_size=20).map(lambda raw: bytes(b for b in raw if b > 32 and b != 127))
headers = st.lists(
    st.tuples(names.filter(lambda name: name.lower() not in RESERVED), values), max_size=8
)
pairs = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8)
bodies = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=100).map(lambda text: text.encode()),
    st.sampled_from([b"", b"\x00" * 70_000, b'{"a": 1.10, "a": 2}', b"\xff\xfe\x00", b"a=1&a=%ff"]),
)


def test_p05_a_workflow_sees_the_bytes_headers_and_query_pairs_that_were_sent(
    node: RunningNode, size: Size, report: Report
) -> None:
    examples = 200 if size == "quick" else 20_000

    @hypothesis_settings(deadline=None, max_examples=examples)
    @given(body=bodies, sent=headers, query=pairs, content_type=st.sampled_from(CONTENT_TYPES))
    def same(
        body: bytes, sent: list[Header], query: list[tuple[str, str]], content_type: str | None
    ) -> None:
        typed = [] if content_type is None else [("content-type", content_type.encode())]
        own = [*typed, *sent]
        head = [*CREDENTIALS, *own, ("Content-Length", b"%d" % len(body))]
        answer = asyncio.run(called(port_of(node), echo(query, head) + body))
        assert answer.status == 200, answer.body
        seen = answer.json
        assert base64.b64decode(seen["body"]) == body
        assert seen["query_pairs"] == [list(pair) for pair in query]
        assert seen["content_type"] == content_type
        pairs_seen = [pair for pair in seen["header_pairs"] if pair[0] not in OF_THE_CONNECTION]
        assert pairs_seen == [[name.lower(), value.decode("latin-1")] for name, value in own]

    same()
    report.row("P05", "bodies, headers and query pairs of any kind", cycles=examples)


def echo(query: list[tuple[str, str]], head: list[Header]) -> bytes:
    """The head of a call; spaces of the query are sent as ``+`` or ``%20`` in turn."""
    encoded = [
        f"{(quote, quote_plus)[n % 2](name, safe='')}={(quote_plus, quote)[n % 2](value, safe='')}"
        for n, (name, value) in enumerate(query)
    ]
    lines = [f"POST /test/Echo?{'&'.join(encoded)} HTTP/1.1".encode(), b"Host: x"]
    lines += [name.encode() + b": " + value for name, value in head]
    return b"\r\n".join([*lines, b"", b""])


async def called(port: int, data: bytes) -> Answer:
    async with await RawConnection.open(port) as connection:
        return await connection.call(data)


# P08


class Acknowledged(NamedTuple):
    """When it was sent, when its answer was here, and what it said."""

    sent_s: float
    answered_s: float
    sequence: int
    duplicate: bool


def test_p08_sequences_have_no_gaps_and_keep_real_time_order(
    node: RunningNode, size: Size, report: Report
) -> None:
    """Many clients at once, among refused calls and duplicates, which take no number."""
    calls = CALLS[size]

    async def client(number: int) -> list[Acknowledged]:
        answers = []
        async with await RawConnection.open(port_of(node)) as connection:
            for call in range(calls):
                query = "" if call % 5 == 4 else f"?n={call}"
                key = f"{number}-{call - call % 7 // 6}"
                data = request(
                    "POST", f"/test/Numbered{query}", b"", x_api_key=KEY, Idempotency_Key=key
                )
                sent_s = time.monotonic()
                answer = await connection.call(data)
                answered_s = time.monotonic()
                if answer.status == 202:
                    duplicate = answer.get("firesteel-duplicate") == "true"
                    sequence = int(answer["firesteel-sequence"])
                    answers.append(Acknowledged(sent_s, answered_s, sequence, duplicate))
                else:
                    assert answer.status in (400, 422)
        return answers

    async def clients() -> list[Acknowledged]:
        found = await asyncio.gather(*(client(number) for number in range(CLIENTS[size])))
        return [answer for answers in found for answer in answers]

    accepted = [answer for answer in asyncio.run(clients()) if not answer.duplicate]
    inverted = inversions(accepted)
    report.row("P08", f"{CLIENTS[size]} clients", acknowledged=len(accepted), inverted=inverted)
    assert sorted(answer.sequence for answer in accepted) == list(range(1, len(accepted) + 1))
    assert inverted == 0


def inversions(accepted: list[Acknowledged]) -> int:
    """Messages with a lower sequence than one whose answer was here before they were sent."""
    by_answer = sorted(accepted, key=lambda one: one.answered_s)
    found, highest, position = 0, 0, 0
    for one in sorted(accepted, key=lambda one: one.sent_s):
        while position < len(by_answer) and by_answer[position].answered_s < one.sent_s:
            highest = max(highest, by_answer[position].sequence)
            position += 1
        found += one.sequence < highest
    return found


def test_p08_the_search_for_inversions_finds_one() -> None:
    first, second = Acknowledged(0.0, 1.0, 2, False), Acknowledged(2.0, 3.0, 1, False)
    assert inversions([first, second]) == 1
    assert inversions([first, second._replace(sent_s=0.5)]) == 0


# P22


def test_p22_many_calls_of_one_key_at_once_make_one_execution(
    node: RunningNode, sink: HttpServer, size: Size, report: Report
) -> None:
    calls = 200 if size == "quick" else 1000
    sink.reply("/once", Reply(200, b"done"))
    body = b'{"tell":"once"}'
    data = request(
        "POST",
        "/test/Once",
        body,
        x_api_key=KEY,
        Idempotency_Key="p22",
        Content_Type="application/json",
    )

    async def all_calls() -> list[Answer]:
        return await asyncio.gather(*(called(port_of(node), data) for _ in range(calls)))

    answers = asyncio.run(all_calls())
    assert Counter(answer.status for answer in answers) == {200: calls}
    assert {answer.body for answer in answers} == {b'{"said":"done"}'}
    assert len({answer["firesteel-message-id"] for answer in answers}) == 1
    assert sum(answer.get("firesteel-duplicate") == "true" for answer in answers) == calls - 1
    ran = sum(received.path == "/once" for received in sink.received)
    what = f"{calls} calls of one key at once"
    report.row("P22", what, acknowledged=len(answers), doubled=ran - 1)
    assert ran == 1


# P07


def test_p07_accepted_is_waiting_running_ended_and_purged_at_any_quiet_moment(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    """Messages in every state: ended in every way, replayed, running, behind a paused lane."""
    sink.reply("/ok", Reply())
    sink.reply("/held", Reply(gate=gate))
    good = [node.call(f"Kinds?lane=a{n % 3}", json={"tell": "ok"}) for n in range(9)]
    bad = node.call("Kinds?lane=b", json={})
    behind = [node.call("Kinds?lane=b", json={"tell": "ok"}) for _ in range(3)]
    held = [node.call("Kinds?lane=c", json={"tell": "held"}) for _ in range(4)]
    for answer in good:
        assert node.until_settled(answer)["state"] == "succeeded"
    assert node.until_settled(bad)["state"] == "failed"
    wait_until(lambda: node.status(held[0])["state"] == "running")
    act(node, behind[0], "skip")
    act(node, behind[1], "cancel")
    for answer in good[:2]:
        act(node, answer, "replay")
    wait_until(lambda: figures(node)["ended"] == 14)
    assert figures(node) == {
        "accepted": 17,
        "replayed": 2,
        "waiting": 4,
        "running": 1,
        "ended": 14,
        "purged": 0,
    }
    gate.set()
    for answer in held:
        node.until_settled(answer)
    found = figures(node)
    assert (found["waiting"], found["running"], found["ended"]) == (1, 0, 18)


def figures(node: RunningNode) -> dict[str, int]:
    statistics = node.admin("GET", "/workspaces/test/statistics")
    found: dict[str, int] = next(one for one in statistics if one.pop("integration") == "Kinds")
    return found


def act(node: RunningNode, answer: Any, name: str) -> None:
    node.admin("POST", f"/workspaces/test/messages/{answer.json()['id']}/{name}")
