"""Faults that strike at the one instant at which a promise is easiest to break."""

from __future__ import annotations

from tests.fault.scene import Scene


def engine_killed_at_the_answer(scene: Scene) -> None:
    """SIGKILL as soon as a caller holds its acknowledgement."""
    scene.call("Concurrent")
    scene.service.kill_engine()


def workers_killed_within_the_second_step(scene: Scene) -> None:
    """SIGKILL while an execution is in its second step: its first one is in the journal."""
    with scene.witness.holding(step=2) as hold:
        scene.call("Ordered", "lane")
        hold.wait()
        scene.service.kill_workers()
