"""What much of something costs: callers that wait, messages that wait, messages of the past."""

from __future__ import annotations

import contextlib
import resource
import socket
import statistics
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.lanes import fill
from bench.load import KEY, Load, post
from bench.servers import Node, Server, settle, wait_until_waiting
from bench.table import Cost, Row, note, row_of_loads
from tests.fault.big_store import BigStore

RUNS = 3
CONNECTIONS = 64
CALLERS = 2_000
LANES = 100
MILLION = 1_000_000
WINDOW = 50_000
EIGHT_HOURS = 8 * 3600 * 100
"""Messages, at 100 a second."""


def waiting_callers(bare: Server, node: Node, seconds: int) -> list[Row]:
    """Request-Response calls while 2,000 others wait for a response, beside the same without."""
    node.control("pause", "Waiting")
    loads: dict[str, list[Load]] = {"bare": [], "alone": [], "crowd": []}
    memory_mib = {"alone": node.engine_memory_mib(), "crowd": 0.0}
    for _ in range(RUNS):
        loads["bare"].append(post(bare.url + "/x", connections=CONNECTIONS, seconds=seconds))
        loads["alone"].append(post(node.url("Respond"), connections=CONNECTIONS, seconds=seconds))
        with _callers(node, CALLERS):
            loads["crowd"].append(
                post(node.url("Respond"), connections=CONNECTIONS, seconds=seconds)
            )
            memory_mib["crowd"] = node.engine_memory_mib()
        note(f"2,000 waiting callers: {loads['crowd'][-1].rate:.0f}/s")
    node.control("resume", "Waiting")
    settle(node)
    limit = statistics.median(load.rate for load in loads["bare"])
    titles = {"alone": "nobody waits", "crowd": "2,000 other callers wait"}
    return [
        row_of_loads(
            f"Request-Response while {title}",
            loads[name],
            bare_rate=limit,
            cost=Cost(memory_mib[name]),
        )
        for name, title in titles.items()
    ]


@contextlib.contextmanager
def _callers(node: Node, count: int) -> Iterator[None]:
    """So many connections whose calls wait for their response."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    address = urlsplit(node.server.url)
    head = f"POST /bench/Waiting HTTP/1.1\r\nHost: bench\r\nx-api-key: {KEY}\r\n"
    call = (head + "Content-Length: 2\r\n\r\n{}").encode()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            caller = socket.create_connection((address.hostname, address.port), timeout=30)
            stack.callback(caller.close)
            caller.sendall(call)
        yield


def million_waiting(folder: Path) -> list[Row]:
    """A million waiting, then settled: cost of a message at both ends, memory of the engine."""
    node = Node.start(folder / "million")
    try:
        fill(node, "Lanes", MILLION, LANES)
        waiting_mib = node.engine_memory_mib()
        node.control("resume", "Lanes")
        full = _cost_us(node, MILLION, MILLION - WINDOW)
        wait_until_waiting(node, "Lanes", MILLION // 2)
        half_mib = node.engine_memory_mib()
        wait_until_waiting(node, "Lanes", WINDOW)
        empty = _cost_us(node, WINDOW, 0)
        end_mib = node.engine_memory_mib()
        node.server.stop()
        node = Node.start(folder / "million")
        ready_s = node.ready_s
    finally:
        node.server.stop()
    return [
        Row(
            "processor time of a message near 1,000,000 waiting / under 50,000 waiting",
            f"**{full / empty:.2f}**",
            processor_us=f"{full:.0f} / {empty:.0f}",
            wanted="within 20 %",
        ),
        Row("1,000,000 waiting", "", engine_mib=f"{waiting_mib:.0f}", wanted="256 MiB"),
        Row(
            "500,000 / 1,000,000 settled",
            "",
            engine_mib=f"{half_mib:.0f} / **{end_mib:.0f}**",
            wanted="300 MiB, no growth",
        ),
        Row("start with 1,000,000 settled messages", f"{ready_s:.2f} s"),
    ]


def eight_hours(folder: Path, bare: Server, seconds: int) -> list[Row]:
    """Calls on a store that holds what 100 calls a second leave in eight hours."""
    first = Node.start(folder / "hours")
    post(first.url("Respond"), connections=1, seconds=1)
    settle(first)
    first.server.stop()
    note(f"making {EIGHT_HOURS:,} messages")
    BigStore(first.store).multiply("Respond", EIGHT_HOURS)
    node = Node.start(folder / "hours")
    rows = [Row(f"start with {EIGHT_HOURS:,} messages of eight hours", f"{node.ready_s:.2f} s")]
    try:
        loads: dict[str, list[Load]] = {"bare": [], "Recorded": [], "Respond": []}
        for _ in range(RUNS):
            for name, found in loads.items():
                url = bare.url + "/x" if name == "bare" else node.url(name)
                found.append(post(url, connections=CONNECTIONS, seconds=seconds))
                settle(node)
        limit = statistics.median(load.rate for load in loads["bare"])
        for name, title in (("Recorded", "durable accept"), ("Respond", "Request-Response")):
            rows.append(
                row_of_loads(
                    f"{title} on top of them",
                    loads[name],
                    bare_rate=limit,
                    cost=Cost(node.engine_memory_mib()),
                )
            )
    finally:
        node.server.stop()
    return rows


def _cost_us(node: Node, begin: int, end: int) -> float:
    """Processor microseconds of all processes a message while waiting goes from begin to end."""
    wait_until_waiting(node, "Lanes", begin)
    count, before = node.backlog("Lanes")["waiting"], node.processor_s()
    wait_until_waiting(node, "Lanes", end)
    return (node.processor_s() - before) / (count - node.backlog("Lanes")["waiting"]) * 1e6
