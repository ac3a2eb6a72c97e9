"""What calls cost, each kind beside the bare server in turn."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from bench.load import KIB, Bodies, Load, post
from bench.servers import Node, Server, settle
from bench.table import Cost, Row, note, row_of_loads

RUNS = 3
CONNECTIONS = 64
BIG_CONNECTIONS = 8


@dataclass(frozen=True)
class Work:
    """A kind of call. ``integration`` None: the bare server."""

    title: str
    integration: str | None
    wanted: str = ""
    connections: int = CONNECTIONS
    body_kib: int = 1


@dataclass
class Runs:
    """What the runs of one work gave."""

    loads: list[Load] = field(default_factory=list)
    processor_us: list[float] = field(default_factory=list)
    engine_mib: float = 0.0


BARE = Work("bare uvicorn", None)
BARE_BIG = Work("bare uvicorn, 1 MiB bodies, 8 connections", None, "", BIG_CONNECTIONS, 1024)
BARE_ONE = Work("bare uvicorn, one connection", None, "", 1)
SMALL = (
    BARE,
    Work("durable accept, recorded only", "Recorded", "0.35, aim 0.5"),
    Work("durable accept, while an empty workflow runs for each", "Accept"),
    Work("Request-Response, empty Python workflow", "Respond", "0.22, aim 0.35"),
    Work("Request-Response, data processing and response in JSONata", "Mapped"),
    Work("Request-Response, an SQL query on SQLite", "Query"),
)
BIG = (
    BARE_BIG,
    Work("durable accept of 1 MiB bodies, 8 connections", "Recorded", "", BIG_CONNECTIONS, 1024),
)
ONE = (
    BARE_ONE,
    Work("durable accept, one connection", "Recorded", "", 1),
    Work("Request-Response, one connection", "Respond", "p50 2 ms, aim 1 ms", 1),
)


def measure(bare: Server, node: Node, seconds: int) -> list[Row]:
    """All works: small bodies, big ones, one connection."""
    rows = [row for works in (SMALL, BIG) for row in _group(bare, node, works, seconds)]
    one = _runs(bare, node, ONE, max(seconds // 2, 1))
    accept, respond = (
        statistics.median(load.p50_ms for load in one[work].loads) for work in ONE[1:]
    )
    ratio = Row("the same as multiple of the accept, p50", f"{respond / accept:.2f}", wanted="2.5")
    return [*rows, *_rows(one), ratio]


def _group(bare: Server, node: Node, works: tuple[Work, ...], seconds: int) -> list[Row]:
    return _rows(_runs(bare, node, works, seconds))


def _runs(bare: Server, node: Node, works: tuple[Work, ...], seconds: int) -> dict[Work, Runs]:
    """Each work in turn, so that a slow moment of the machine meets all of them."""
    found = {work: Runs() for work in works}
    for _ in range(RUNS):
        for work, runs in found.items():
            target = bare.url + "/x" if work.integration is None else node.url(work.integration)
            before = node.processor_s()
            load = post(
                target,
                connections=work.connections,
                seconds=seconds,
                bodies=Bodies(work.body_kib * KIB),
            )
            settle(node)
            runs.loads.append(load)
            used_s = node.processor_s() - before
            runs.processor_us.append(used_s / max(load.requests, 1) * 1e6)
            runs.engine_mib = node.engine_memory_mib()
            note(f"{work.title}: {load.rate:.0f}/s")
    return found


def _rows(found: dict[Work, Runs]) -> list[Row]:
    (limit,) = [runs for work, runs in found.items() if work.integration is None]
    bare_rate = statistics.median(load.rate for load in limit.loads)
    return [_row(work, runs, bare_rate) for work, runs in found.items()]


def _row(work: Work, runs: Runs, bare_rate: float) -> Row:
    title = f"{work.title}, {work.connections} connections"
    title = work.title if "connection" in work.title else title
    if work.integration is None:
        return row_of_loads(title, runs.loads)
    return row_of_loads(
        title,
        runs.loads,
        bare_rate=bare_rate,
        cost=Cost(runs.engine_mib, statistics.median(runs.processor_us)),
        wanted=work.wanted,
    )
