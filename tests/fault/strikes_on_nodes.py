"""Faults of whole nodes that strike at the one instant at which a promise is easiest to break."""

from __future__ import annotations

import time

from tests.fault.history import Call, Effect
from tests.fault.loader import Caller
from tests.fault.nodes import ClusterScene, OneNode
from tests.support.cluster import Member
from tests.support.node import wait_until

REST_S = 60.0
WATCHED_S = 1.0


def killed_within_the_second_step(scene: ClusterScene) -> None:
    """SIGKILL to a whole node while an execution is in its second step; another one goes on."""
    with scene.witness.holding(step=2) as hold:
        scene.call("Ordered", "lane")
        node = scene.service.running(hold.wait())
        node.kill()
    scene.call("Ordered", "lane")
    scene.service.wait_at_rest(REST_S)
    node.start()


def paused_past_its_lease(scene: ClusterScene) -> None:
    """A whole node stands still in the first step of an execution until another one is in that
    execution's second step; then it goes on, and is watched until it has noticed."""
    with scene.witness.holding(step=1) as first:
        call = scene.call("Ordered", "lane")
        node = scene.service.running(first.wait())
        engine = node.running.engine_pid
        node.pause()
        with scene.witness.holding(step=2, value=call.value) as second:
            try:
                successor = second.wait()
                first.release()
            finally:
                node.go_on()
            wait_until(lambda: _begun_late(scene, successor, step=2) or _noticed(node, engine))
    scene.call("Ordered", "lane")
    scene.service.wait_at_rest(REST_S)


def started_by_a_worker_that_slept(scene: ClusterScene) -> None:
    """A worker stands still before it has read of an execution, then its whole node; when another
    node is in that execution's second step, the worker alone goes on, and a moment later all."""
    node = scene.service.members[-1]
    engine = node.running.engine_pid
    node.stop_workers()
    with Caller(OneNode(scene.service, node), scene.recorder) as caller:
        call = wait_until(lambda: _acknowledged(caller.call("Concurrent")))
    wait_until(lambda: scene.service.state(call) == "running")
    with scene.witness.holding(step=2, value=call.value) as second:
        node.pause()
        try:
            successor = second.wait()
            node.wake_workers()
            until = time.monotonic() + WATCHED_S
            wait_until(lambda: time.monotonic() > until or _begun_late(scene, successor, step=1))
        finally:
            node.go_on()
        wait_until(lambda: _begun_late(scene, successor, step=1) or _noticed(node, engine))
    scene.service.wait_at_rest(REST_S)


def busy_for_long(scene: ClusterScene, lease_s: float) -> bool:
    """Whether an execution was taken over from a node that lives, and is in its second step for
    twice as long as its lease."""
    until = time.monotonic() + 2 * lease_s
    with scene.witness.holding(step=2) as hold:
        call = scene.call("Ordered", "lane")
        hold.wait()
        wait_until(lambda: time.monotonic() > until or _attempts(scene, call.value) > 1)
    scene.service.wait_at_rest(REST_S)
    return _attempts(scene, call.value) > 1


def taken_over_s(scene: ClusterScene) -> float:
    """Seconds from the death of a node to the step of its execution on another node."""
    with scene.witness.holding(step=2) as hold:
        call = scene.call("Ordered", "lane")
        node = scene.service.running(hold.wait())
        with scene.witness.holding(step=2, value=call.value) as again:
            node.kill()
            began = time.monotonic()
            again.wait()
            took_s = time.monotonic() - began
    scene.service.wait_at_rest(REST_S)
    node.start()
    return took_s


def _attempts(scene: ClusterScene, value: str) -> int:
    return max(effect.attempt for effect in scene.witness.effects() if effect.value == value)


def _begun_late(scene: ClusterScene, successor: Effect, *, step: int) -> bool:
    """Whether an attempt before the successor's has begun a step."""
    return any(
        (effect.value, effect.step, effect.phase) == (successor.value, step, "begin")
        and effect.attempt < successor.attempt
        for effect in scene.witness.effects()
    )


def _acknowledged(call: Call) -> Call | None:
    return call if call.outcome == "ok" else None


def _noticed(node: Member, engine: int) -> bool:
    """Whether the node's engine has given up for a new one, which is ready."""
    return node.running.engine_pid != engine
