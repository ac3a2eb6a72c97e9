"""Loop and writer share one of two processors; what works beside them has both."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from firesteel import processors

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two processors",
)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_ALL", set())


def in_a_thread(work: Callable[[], object]) -> object:
    """What ``work`` returns in a thread, whose processors are its own."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(10)
    return found[0]


def own() -> set[int]:
    return os.sched_getaffinity(0)


def test_a_thread_keeps_to_one_of_two_and_so_do_those_that_it_starts() -> None:
    two = set(sorted(own())[:2])

    def work() -> tuple[set[int], object]:
        os.sched_setaffinity(0, two)
        processors.keep_to_one()
        return own(), in_a_thread(own)

    kept, inherited = in_a_thread(work)  # type: ignore[misc]  # the pair that work returns
    assert len(kept) == 1
    assert kept < two
    assert inherited == kept


def test_what_works_beside_them_may_run_on_both() -> None:
    two = set(sorted(own())[:2])

    def roaming() -> set[int]:
        processors.roam()
        return own()

    def work() -> object:
        os.sched_setaffinity(0, two)
        processors.keep_to_one()
        return in_a_thread(roaming)

    assert in_a_thread(work) == two


def test_with_one_processor_nothing_changes() -> None:
    one = {min(own())}

    def work() -> set[int]:
        os.sched_setaffinity(0, one)
        processors.keep_to_one()
        processors.roam()
        return own()

    assert in_a_thread(work) == one
