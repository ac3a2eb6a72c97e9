"""What a store on PostgreSQL costs, beside the one on SQLite; and what more nodes bring."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import database
from bench.database import Shared
from bench.lanes import drain, fill
from bench.load import Load, post, post_one
from bench.servers import Node, Server, settle, wait_until_waiting
from bench.table import Cost, Row, note, row_of_loads
from tests.support.postgres import Postgres

RUNS = 3
CONNECTIONS = 64
LANES = 100
WORKERS = 4
MILLION, FEW, WINDOW = 1_000_000, 11_000, 10_000
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Line:
    """What waits in lanes and is drained by worker nodes."""

    title: str
    integration: str
    count: int


LINES = (
    Line("empty", "Lanes", 20_000),
    Line("a step that waits 5 ms", "LanesOf5ms", 20_000),
    Line("a step that waits 200 ms", "LanesOf200ms", 6_000),
)


def measure(folder: Path, bare: Server, seconds: int, *, short: bool) -> list[Row]:
    """All of it on one server, each part on a database of its own."""
    with database.server() as server:
        rows = _calls(folder, bare, server, seconds)
        rows += _one_lane(folder, server)
        rows += [row for line in LINES for row in _hundred_lanes(folder, server, line)]
        if not short:
            rows += _waiting(folder, server)
    return rows


@contextlib.contextmanager
def _nodes(folder: Path, shared: Shared, *roles: str, **environment: str) -> Iterator[list[Node]]:
    """Nodes of these roles on one database; the first one takes calls."""
    nodes: list[Node] = []
    try:
        for role in roles:
            settings = {**shared.settings, "FIRESTEEL_ROLE": role, **environment}
            nodes.append(Node.start(folder / f"node-{next(_numbers)}", **settings))
        yield nodes
    finally:
        for node in nodes:
            node.server.stop()


def _calls(folder: Path, bare: Server, server: Postgres, seconds: int) -> list[Row]:
    """Accepts and Request-Response on SQLite, on PostgreSQL, and over two nodes, in turn."""
    with (
        database.shared(server) as one,
        database.shared(server) as two,
        _nodes(folder, one, "all") as (alone,),
        _nodes(folder, two, "gateway", "worker") as (gateway, worker),
    ):
        sqlite = Node.start(folder / "beside")
        try:
            targets = {"SQLite": sqlite, "PostgreSQL": alone, "gateway and worker node": gateway}
            found = _loads(targets, bare, seconds)
            costs = {name: Cost(node.engine_memory_mib()) for name, node in targets.items()}
        finally:
            sqlite.server.stop()
        settle(worker)
    rows = []
    for kind in ("durable accept", "Request-Response"):
        for connections in (CONNECTIONS, 1):
            loads = {name: found[kind, name, connections] for name in targets}
            limit = statistics.median(load.rate for load in found[kind, "bare", connections])
            for name, runs in loads.items():
                title = f"{kind} on {name}, {connections} connection{'s' * (connections > 1)}"
                rows.append(row_of_loads(title, runs, bare_rate=limit, cost=costs[name]))
            if connections > 1:
                rows.append(_compared(kind, loads))
    return rows


def _loads(
    targets: dict[str, Node], bare: Server, seconds: int
) -> dict[tuple[str, str, int], list[Load]]:
    """By kind of call, target and number of connections."""
    found: dict[tuple[str, str, int], list[Load]] = {}
    kinds = {"durable accept": "Recorded", "Request-Response": "Respond"}
    for _ in range(RUNS):
        for (kind, integration), connections in itertools.product(kinds.items(), (CONNECTIONS, 1)):
            urls = {name: node.url(integration) for name, node in targets.items()}
            for name, url in {"bare": bare.url + "/x", **urls}.items():
                load = post(url, connections=connections, seconds=seconds)
                found.setdefault((kind, name, connections), []).append(load)
                note(f"{kind} on {name}, {connections}: {load.rate:.0f}/s")
            for node in targets.values():
                settle(node)
    return found


def _compared(kind: str, loads: dict[str, list[Load]]) -> Row:
    rates = {name: statistics.median(load.rate for load in runs) for name, runs in loads.items()}
    ratio = rates["PostgreSQL"] / rates["SQLite"]
    wanted = "0.5" if kind == "durable accept" else ""
    return Row(f"{kind} on PostgreSQL as part of that on SQLite", f"**{ratio:.2f}**", wanted=wanted)


def _one_lane(folder: Path, server: Postgres) -> list[Row]:
    rates, costs_us = [], []
    for _ in range(RUNS):
        with database.shared(server) as shared, _nodes(folder, shared, "all") as (node,):
            fill(node, "OneLane", 5_000, 0)
            before = shared.processor_s(node)
            count, rate = drain(node, "OneLane", shared.last_settled)
            rates.append(rate)
            costs_us.append((shared.processor_s(node) - before) / count * 1e6)
        note(f"one lane on PostgreSQL: {rates[-1]:.0f}/s")
    return [
        Row(
            "drain of 5,000 over 1 lane on PostgreSQL",
            f"**{statistics.median(rates):,.0f}/s**",
            processor_us=f"{statistics.median(costs_us):.0f}",
            wanted="700/s",
        )
    ]


def _hundred_lanes(folder: Path, server: Postgres, line: Line) -> list[Row]:
    """By one worker node and by four, in turn; each has one worker process."""
    rates: dict[int, list[float]] = {1: [], WORKERS: []}
    for _ in range(RUNS):
        for number, found in rates.items():
            roles = ("gateway", *["worker"] * number)
            with (
                database.shared(server) as shared,
                _nodes(folder, shared, *roles, FIRESTEEL_WORKERS="1") as (gateway, *_),
            ):
                _let_wait(gateway, shared, line.integration, line.count)
                _, rate = drain(gateway, line.integration, shared.last_settled)
                found.append(rate)
            note(f"{line.title}, {number} worker nodes: {rate:.0f}/s")
    medians = {number: statistics.median(found) for number, found in rates.items()}
    title = f"drain of {line.count:,} over 100 lanes on PostgreSQL, {line.title}"
    return [
        Row(f"{title}, 1 worker node", f"{medians[1]:,.0f}/s"),
        Row(
            f"{title}, {WORKERS} worker nodes",
            f"{medians[WORKERS]:,.0f}/s, **{medians[WORKERS] / medians[1]:.2f}** of one",
            wanted="more than one",
        ),
    ]


def _let_wait(node: Node, shared: Shared, integration: str, count: int) -> None:
    """Let so many messages wait while the trigger is paused: one is called, the others copied."""
    node.control("pause", integration)
    post_one(node.url(integration))
    shared.fill(integration, count, LANES)
    node.control("pause", integration)  # so that it looks at the trigger, also where it is alone
    while node.backlog(integration)["waiting"] < count:
        time.sleep(0.1)


def _waiting(folder: Path, server: Postgres) -> list[Row]:
    """What a message costs near 1,000 and near 1,000,000 that wait."""
    costs_us: dict[int, list[float]] = {FEW: [], MILLION: []}
    for number, found in costs_us.items():
        with database.shared(server) as shared, _nodes(folder, shared, "all") as (node,):
            _let_wait(node, shared, "Lanes", number)
            before, waiting = shared.processor_s(node), node.backlog("Lanes")["waiting"]
            node.control("resume", "Lanes")
            wait_until_waiting(node, "Lanes", number - WINDOW)
            done = waiting - node.backlog("Lanes")["waiting"]
            found.append((shared.processor_s(node) - before) / done * 1e6)
        note(f"{number} waiting: {found[-1]:.0f} us")
    few, many = costs_us[FEW][0], costs_us[MILLION][0]
    return [
        Row(
            "processor time of a message near 1,000,000 waiting / near 1,000, on PostgreSQL",
            f"**{many / few:.2f}**",
            processor_us=f"{many:.0f} / {few:.0f}",
            wanted="within 20 %",
        )
    ]
