"""Writes that must happen: tried until the store takes them, and waited for when the node stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from firesteel.engine import commits as module
from firesteel.engine.commits import Commits
from firesteel.errors import OutcomeUnknown, StoreUnavailable
from firesteel.pending import Pending

FULL = StoreUnavailable("the disk is full")
DOUBT = OutcomeUnknown("nobody knows")


class Journal:
    """Takes writes and lets the test say how each try ends."""

    def __init__(self) -> None:
        self.tries: list[Pending[bool]] = []
        self.tried = asyncio.Event()
        self.told: list[bool | str] = []

    def begin(self) -> Pending[bool]:
        self.tries.append(Pending())
        self.tried.set()
        return self.tries[-1]

    def write(self, commits: Commits) -> None:
        commits.write(self.begin, self.told.append, lambda: self.told.append("otherwise"))

    async def next_try(self) -> Pending[bool]:
        await asyncio.wait_for(self.tried.wait(), 60)
        self.tried.clear()
        return self.tries[-1]


@pytest.fixture
async def commits(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Commits]:
    """Its tries follow each other at once, and nothing fails unseen in the loop."""
    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: unseen.append(what))
    monkeypatch.setattr(module, "STORE_RETRY_S", 0.0)
    made = Commits()
    yield made
    await asyncio.wait_for(made.flush(), 60)
    assert unseen == []


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("accepted", [True, False])
async def test_what_is_committed_goes_on_with_what_the_journal_said(
    commits: Commits, accepted: bool
) -> None:
    journal = Journal()
    journal.write(commits)
    assert journal.told == []
    journal.tries[0].resolve(accepted)
    assert journal.told == [accepted]


async def test_a_write_is_tried_until_the_store_takes_it(commits: Commits) -> None:
    journal = Journal()
    journal.write(commits)
    for error in (FULL, DOUBT, FULL):
        (await journal.next_try()).reject(error)
    (await journal.next_try()).resolve(True)
    assert (len(journal.tries), journal.told) == (4, [True])


async def test_what_the_journal_cannot_take_is_not_tried_again(
    commits: Commits, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal()
    journal.write(commits)
    journal.tries[0].reject(ValueError("too long"))
    await _turns()
    assert (len(journal.tries), journal.told) == (1, ["otherwise"])
    assert "write_refused" in capsys.readouterr().out


async def test_a_flush_waits_for_every_write_and_for_those_that_follow(commits: Commits) -> None:
    first, second, following = Journal(), Journal(), Journal()
    first.write(commits)
    commits.write(
        second.begin, lambda _accepted: following.write(commits), lambda: second.told.append("no")
    )
    flushed = asyncio.create_task(commits.flush())
    for journal in (first, second):
        await _turns()
        journal.tries[0].resolve(True)
    await _turns()
    assert not flushed.done()
    following.tries[0].resolve(True)
    await asyncio.wait_for(flushed, 60)
    assert following.told == [True]


async def test_a_flush_waits_for_a_write_that_is_to_be_tried_again(
    commits: Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_RETRY_S", 0.01)
    journal = Journal()
    journal.write(commits)
    flushed = asyncio.create_task(commits.flush())
    await _turns()
    (await journal.next_try()).reject(FULL)
    await _turns()
    assert not flushed.done()
    (await journal.next_try()).resolve(True)
    await asyncio.wait_for(flushed, 60)
    assert journal.told == [True]


async def test_a_flush_with_nothing_begun_is_over_at_once(commits: Commits) -> None:
    journal = Journal()
    journal.write(commits)
    journal.tries[0].resolve(True)
    await asyncio.wait_for(commits.flush(), 60)


async def test_a_flush_waits_for_what_runs_in_the_background_even_where_it_fails(
    commits: Commits,
) -> None:
    go_on = asyncio.Event()

    async def fails() -> None:
        await go_on.wait()
        raise ValueError

    task = commits.run(fails())
    flushed = asyncio.create_task(commits.flush())
    await _turns()
    assert not flushed.done()
    go_on.set()
    await asyncio.wait_for(flushed, 60)
    assert isinstance(task.exception(), ValueError)


async def test_what_is_insisted_on_is_tried_until_the_store_takes_it(commits: Commits) -> None:
    answers: list[Exception | str] = [FULL, FULL, "ended"]

    async def begin() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await asyncio.wait_for(commits.insist(begin), 60) == "ended"
