"""What may run at once, how often, in which version, and what those cost who wait."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.history import Call
from tests.fault.loader import Caller
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.stores import DEFECTS_ON, STORES, kept_on
from tests.support.node import AUTHENTICATION, RunningNode, wait_until

CONCURRENCY = {"Few": 3, "Concurrent": 10}
ATTEMPTS = 2
ENOUGH = 3 * ATTEMPTS
TRIES = 5
SLEEP_S = 4.0  # more than the time of an attempt of ``Hasty`` and the engine's patience with it
CALLERS = {"quick": 100, "full": 2000, "soak": 2000}
SPARE_THREADS, SPARE_FILES = 20, 10
Store = list[tuple[str, str]]
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=STORES)
def sound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A node without a defect."""
    folder = tmp_path_factory.mktemp("sound")
    with kept_on(request.param, request) as environment, Scene.set(folder, *environment) as scene:
        yield scene


@pytest.fixture(params=DEFECTS_ON)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The environment of a node that has a defect."""
    with kept_on(request.param, request) as environment:
        yield environment


@contextlib.contextmanager
def all_slots_held(scene: Scene, trigger: str) -> Iterator[None]:
    """As many of a trigger's executions as may run stand in their first step."""
    with contextlib.ExitStack() as stack:
        for _ in range(CONCURRENCY[trigger]):
            hold = stack.enter_context(scene.witness.holding(step=1))
            scene.call(trigger)
            hold.wait()
        yield


# P11


def running_at_once(scene: Scene) -> int:
    """Executions of a trigger that have started while its first ones stand in their first step."""
    with all_slots_held(scene, "Few"):
        more = [scene.call("Few") for _ in range(2 * CONCURRENCY["Few"])]
        states = [scene.service.state(call) for call in more]
    return CONCURRENCY["Few"] + len(states) - states.count("waiting")


def test_p11_no_more_than_concurrency_run_at_once(sound: Scene) -> None:
    assert running_at_once(sound) == CONCURRENCY["Few"]
    assert sound.violations() == []


def test_p11_fails_when_concurrency_is_not_held(
    store: Store, tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, *store, planted("concurrency_not_held")) as scene:
        found = running_at_once(scene) > CONCURRENCY["Few"]
    report.defect("P11", "concurrency_not_held", found=found)
    assert found


# P12


def answered_beside_a_blocked_trigger(scene: Scene, wait_s: int) -> bool:
    """Whether a caller of another trigger gets its response while one stands still."""
    with all_slots_held(scene, "Concurrent"):
        for _ in range(CONCURRENCY["Concurrent"]):
            scene.call("Concurrent")
        return scene.caller.call("Answered", wait_s=wait_s).answer is not None


def test_p12_a_blocked_trigger_delays_no_other(sound: Scene) -> None:
    assert answered_beside_a_blocked_trigger(sound, wait_s=60)
    assert sound.violations() == []


def test_p12_fails_when_all_triggers_stand_in_one_queue(tmp_path: Path, report: Report) -> None:
    """On PostgreSQL turns are another statement's to give; see test_sharing.py for its defect."""
    with Scene.set(tmp_path, planted("one_queue_for_all")) as scene:
        found = not answered_beside_a_blocked_trigger(scene, wait_s=3)
    report.defect("P12", "one_queue_for_all", found=found)
    assert found


# P16


def attempts_of_one_that_kills_its_worker(scene: Scene) -> int:
    """How often it was begun, until it ended or was begun far too often."""
    call = scene.call("Fragile", dies=True)

    def begun() -> int:
        effects = scene.witness.effects()
        return sum((e.value, e.step, e.phase) == (call.value, 1, "begin") for e in effects)

    def over() -> bool:
        return begun() >= ENOUGH or scene.service.state(call) == "failed"

    wait_until(over)
    return begun()


def test_p16_who_kills_its_worker_fails_after_exactly_its_attempts(sound: Scene) -> None:
    assert attempts_of_one_that_kills_its_worker(sound) == ATTEMPTS


def test_p16_fails_when_an_attempt_is_counted_at_its_end(
    store: Store, tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, *store, planted("attempt_counted_at_its_end")) as scene:
        found = attempts_of_one_that_kills_its_worker(scene) > ATTEMPTS
    report.defect("P16", "attempt_counted_at_its_end", found=found)
    assert found


def slept_through(scene: Scene) -> int:
    """The attempts of an execution whose first one ends while the engine is stopped."""
    with scene.witness.holding(step=2, phase="end") as hold:
        call = scene.call("Hasty")
        hold.wait()
        with scene.service.engine_stopped():
            hold.release()
            time.sleep(SLEEP_S)
    wait_until(lambda: scene.service.state(call) in ("succeeded", "failed"))
    attempts: int = scene.service.execution(call)["attempts"]
    return attempts


def test_p16_an_engine_that_slept_blames_no_worker_for_it(sound: Scene) -> None:
    """It is stopped until the attempt's time is long over; its worker has done its part long ago,
    and what it said waits to be read."""
    for _ in range(TRIES):
        before = set(sound.service.node.worker_pids)
        attempts = slept_through(sound)
        # Whom it blames it ends. One more may have come: another test has killed one before.
        assert before <= set(sound.service.node.worker_pids)
        if attempts == 1:  # else the worker itself had no processor for all of the time
            break
    assert attempts == 1


# P18


def value_after_a_new_version(node: RunningNode) -> int:
    """What an execution answers that was accepted under version 1 and started under 2."""
    name = f"Versioned{next(_numbers)}"
    publish(node, name, 1)
    node.admin("POST", "/workspaces/test/lanes/pause", json={"integration": name})
    with ThreadPoolExecutor(1) as other:
        call = other.submit(node.call, name)
        wait_until(lambda: waiting(node, name) == 1)
        publish(node, name, 2)
        node.admin("POST", "/workspaces/test/lanes/resume", json={"integration": name})
        answer: int = call.result().json()
    return answer


def publish(node: RunningNode, name: str, value: int) -> None:
    document = {
        "name": name,
        "trigger": {"authentication": AUTHENTICATION, "request_response": True},
        "workflow": {"steps": [{"name": "value", "map": f"{{% {value} %}}"}]},
    }
    node.admin("PUT", f"/workspaces/test/integrations/{name}", json=document)


def waiting(node: RunningNode, name: str) -> int:
    found = node.admin("GET", "/workspaces/test/statistics")
    number: int = next(one["waiting"] for one in found if one["integration"] == name)
    return number


def test_p18_an_execution_uses_the_version_of_its_acceptance(sound: Scene) -> None:
    sound.service.node.wait_ready()
    assert value_after_a_new_version(sound.service.node) == 1


def test_p18_fails_when_the_version_is_chosen_at_the_start(
    store: Store, tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, *store, planted("version_of_the_start")) as scene:
        found = value_after_a_new_version(scene.service.node) != 1
    report.defect("P18", "version_of_the_start", found=found)
    assert found


# P21


def cost_of_waiting(scene: Scene, callers: int) -> tuple[int, int, list[Call]]:
    """Threads and open files of the store that the engine has more while so many callers wait,
    and how they were answered; another trigger is called meanwhile."""
    node, answered = scene.service.node, list[Call]()
    act = {"integration": "Patient"}
    node.admin("POST", "/workspaces/test/lanes/pause", json=act)
    threads, files = threads_of(node.engine_pid), files_of(node.engine_pid)

    def wait() -> None:
        with Caller(scene.service, scene.recorder) as caller:
            answered.append(caller.call("Patient"))

    waiters = [threading.Thread(target=wait) for _ in range(callers)]
    for waiter in waiters:
        waiter.start()
    wait_until(lambda: waiting(node, "Patient") == callers)
    cost = threads_of(node.engine_pid) - threads, files_of(node.engine_pid) - files
    assert scene.caller.call("Answered").answer is not None
    node.admin("POST", "/workspaces/test/lanes/resume", json=act)
    for waiter in waiters:
        waiter.join()
    return (*cost, answered)


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def files_of(pid: int) -> int:
    """Open files of the store."""
    links = [link for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()]
    return sum("firesteel.db" in link.readlink().name for link in links)


linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells on Linux only")


@linux
def test_p21_callers_who_wait_hold_no_slot_no_thread_and_no_connection_of_the_database(
    sound: Scene, size: Size, report: Report
) -> None:
    sound.service.node.wait_ready()
    callers = CALLERS[size]
    threads, files, answered = cost_of_waiting(sound, callers)
    note = f"{threads} threads and {files} open files of the store more"
    report.row("P21", f"{callers} callers wait", acknowledged=len(answered), note=note)
    assert threads <= SPARE_THREADS
    assert files <= SPARE_FILES
    assert [call.answer for call in answered] == [call.value for call in answered]
    assert len({call.message_id for call in answered}) == callers


@linux
def test_p21_fails_when_each_caller_has_a_thread(
    store: Store, tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, *store, planted("a_thread_for_each_caller")) as scene:
        threads, _, _ = cost_of_waiting(scene, CALLERS["quick"])
    report.defect("P21", "a_thread_for_each_caller", found=threads > SPARE_THREADS)
    assert threads > SPARE_THREADS
