"""Faults that strike at the one instant at which a promise is easiest to break.

Each is played on a sound node, which must keep all promises, and on one with a planted defect,
which must break one.
"""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.fault.history import Call
from tests.fault.loader import Caller
from tests.fault.scene import Scene

DUPLICATES = 32
IN_A_ROW = 12
FEW = 3
_keys = itertools.count(1)


# accepting


def engine_killed_at_the_answer(scene: Scene) -> None:
    """SIGKILL as soon as a caller holds its acknowledgement."""
    scene.call("Concurrent")
    scene.service.kill_engine()


def one_key_at_once(scene: Scene) -> None:
    """Many callers post the same with one idempotency key."""
    key = f"k{next(_keys)}"
    ready = threading.Barrier(DUPLICATES)

    def call(_: int) -> Call:
        with Caller(scene.service, scene.recorder) as caller:
            ready.wait()
            return caller.call("Concurrent", None, key=key)

    with ThreadPoolExecutor(DUPLICATES) as callers:
        list(callers.map(call, range(DUPLICATES)))


# order


def one_after_the_other(scene: Scene) -> None:
    """Each call is sent when the one before it was answered."""
    for _ in range(IN_A_ROW):
        scene.call("Concurrent")


def second_in_a_busy_lane(scene: Scene) -> None:
    """A message comes while the head of its lane is in its first step."""
    with scene.witness.holding(step=1) as hold:
        scene.call("Ordered", "lane")
        hold.wait()
        scene.let_start(scene.call("Ordered", "lane"))


def failing_head(scene: Scene) -> None:
    """The head of a lane fails, and is tried again, while another one stands behind it."""
    with scene.witness.holding(step=1) as hold:
        scene.call("Ordered", "lane", failures=1)
        hold.wait()
        scene.call("Ordered", "lane")


def engine_killed_when_the_next_begins(scene: Scene) -> None:
    """SIGKILL as soon as the second message of a lane has begun: the first one is over."""
    with scene.witness.holding(step=2) as first:
        scene.call("Ordered", "lane")
        first.wait()
        behind = scene.call("Ordered", "lane")
        with scene.witness.holding(step=1, value=behind.value) as second:
            first.release()
            second.wait()
            scene.service.kill_engine()


# executing


def workers_killed_within_the_second_step(scene: Scene) -> None:
    """SIGKILL while an execution is in its second step: its first one is in the journal."""
    with scene.witness.holding(step=2) as hold:
        scene.call("Ordered", "lane")
        hold.wait()
        scene.service.kill_workers()


def engine_killed_while_its_workers_sleep(scene: Scene) -> None:
    """The workers are stopped with an execution in its first step, the engine is killed and the
    next one is ready; then those workers are let go on, if they are still there."""
    with scene.witness.holding(step=1) as hold:
        scene.call("Ordered", "lane")
        hold.wait()
        with scene.service.workers_stopped():
            scene.service.kill_engine()
            scene.service.node.wait_ready()
            scene.call("Ordered", "lane")
            scene.service.wait_at_rest(timeout_s=60.0)


def failed_for_good(scene: Scene) -> None:
    """A message fails in all its attempts."""
    scene.call("Fragile", failures=99)


# answering


def answered_out_of_turn(scene: Scene) -> None:
    """Two callers wait for their responses; the one who came last has its response first."""
    with (
        ThreadPoolExecutor(1) as other,
        Caller(scene.service, scene.recorder) as caller,
        scene.witness.holding(step=1) as hold,
    ):
        first = other.submit(caller.call, "Answered", None)
        hold.wait()
        later = threading.Timer(1.0, hold.release)  # for a node that mixes up its callers
        later.start()
        scene.call("Answered")
        later.cancel()
        later.join()
        hold.release()
        first.result()
