"""P12 in full size: a trigger with 100,000 waiting, blocked or poisoned, delays no other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.support.raw_http import RawConnection, request

pytestmark = pytest.mark.full

WAITING = 102_400  # a multiple of what the connections send at once
CONNECTIONS, PIPELINED = 16, 32
CALLS = 2000
GROWTH_S = 0.1
SLOTS = 3


async def accepted(scene: Scene, trigger: str, count: int, **more: object) -> None:
    """So many messages are accepted, on several connections at once."""
    port = urlsplit(scene.service.url).port
    assert port is not None
    body = json.dumps({"value": "x", "lane": None, **more}).encode()
    known = {"x_api_key": scene.service.key, "Content_Type": "application/json"}
    call = request("POST", f"/test/{trigger}", body, **known)

    async def send(calls: int) -> None:
        async with await RawConnection.open(port) as connection:
            for _ in range(calls // PIPELINED):
                await connection.send(call * PIPELINED)
                for _ in range(PIPELINED):
                    assert (await connection.answer()).status == 202

    await asyncio.gather(*(send(count // CONNECTIONS) for _ in range(CONNECTIONS)))


def p99_from_acceptance_to_start_s(scene: Scene) -> float:
    """Of a trigger whose callers come one after the other: from the acceptance of a message to the
    start of its first step, as the node tells."""
    calls = [scene.call("Answered") for _ in range(CALLS)]
    took_s = [started_after_s(scene, call.message_id or "") for call in calls]
    return statistics.quantiles(took_s, n=100)[98]


def started_after_s(scene: Scene, message_id: str) -> float:
    message = scene.service.node.admin("GET", f"/workspaces/test/messages/{message_id}")
    (execution,) = message["executions"]
    accepted_at, started_at = message["received_at"], execution["steps"][0]["started_at"]
    took = datetime.fromisoformat(started_at) - datetime.fromisoformat(accepted_at)
    return took.total_seconds()


def waiting(scene: Scene) -> dict[str, int]:
    return {books.trigger: books.waiting for books in scene.service.balances()}


def test_p12_a_blocked_and_a_poisoned_trigger_with_100_000_waiting_delay_no_other(
    tmp_path: Path, report: Report
) -> None:
    """``Few`` stands still with all its slots taken; every message of ``Fragile`` fails."""
    with Scene.set(tmp_path) as scene, contextlib.ExitStack() as stack:
        alone_s = p99_from_acceptance_to_start_s(scene)
        for _ in range(SLOTS):
            hold = stack.enter_context(scene.witness.holding(step=1))
            scene.call("Few")
            hold.wait()
        asyncio.run(accepted(scene, "Few", WAITING))
        asyncio.run(accepted(scene, "Fragile", WAITING, failures=99))
        there = waiting(scene)
        beside_s = p99_from_acceptance_to_start_s(scene)
        left = waiting(scene)
    note = (
        f"p99 from acceptance to start {alone_s * 1000:.1f} ms alone, {beside_s * 1000:.1f} ms "
        f"beside {there['Few']:,} blocked and {there['Fragile']:,} to {left['Fragile']:,} poisoned"
    )
    report.row("P12", "blocked and poisoned", acknowledged=2 * (WAITING + CALLS), note=note)
    assert there["Few"] >= WAITING
    assert beside_s - alone_s < GROWTH_S
