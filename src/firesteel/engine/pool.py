"""The worker processes that are connected: who gets an attempt, and what happens when one dies.

An attempt goes to the worker with the fewest. A *suspect* (``claim.alone``) gets a worker for
itself: one is kept free until its last attempt has ended. An attempt past its deadline gets its
worker drained and, when its neighbours have ended or ``NEIGHBOUR_GRACE_S`` is over, killed. A
worker that ends takes its attempts along. Those over their time are to blame and count. Where the
worker was killed for them the others are not to blame; else a single one is and counts, and of
several, or in a worker that was importing, none counts, each runs again alone (P16).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

from firesteel.engine.link import Definition, Link, Running
from firesteel.engine.long_bodies import without_body
from firesteel.model import frames
from firesteel.model.execution import Failure
from firesteel.store.journal import LEFT_FROM_BYTES, Claim

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_GRACE_S = 1.0
NEIGHBOUR_GRACE_S = 5.0
SWEEP_S = 0.25
MOST_LEFT_OUT = 8
DEADLY_IMPORTS = 3
"""After so many workers in a row died importing, those that join import what they need only."""

Blame = Literal["sure", "suspect", "none"]
"""Whether an attempt brought its worker down: it did, it or another did, another did."""

TIMED_OUT = Failure("unknown", "attempt_timeout", "the attempt ran over its time-out")
CRASHED = Failure("unknown", "worker_crashed", "the worker process ended")
TAKEN_ALONG = Failure(
    "unknown", "worker_ended", "the worker process was ended for another attempt's sake"
)


class Attempts(Protocol):
    """Who is told how attempts go on."""

    def ended(self, claim: Claim, outcome: frames.Outcome) -> None:
        """The attempt has an outcome."""
        ...

    def recorded(self, link: Link, record: frames.Record) -> None:
        """A step is done: journal it and answer."""
        ...

    def crashed(self, claim: Claim, failure: Failure, blame: Blame) -> None:
        """The worker ended under the attempt."""
        ...

    def capacity(self, slots: int) -> None:
        """So many attempts may run at once from now on."""
        ...

    def asked(self, link: Link, frame: frames.Frame) -> None:
        """A frame that is not about an attempt's end: Lookup, Checked, BodyRead, Probed."""
        ...


class Work(NamedTuple):
    """An attempt with what its worker must know."""

    claim: Claim
    definition: Definition
    timeout_s: float
    connections: frames.Connections


class PoolFigures(NamedTuple):
    """``slots``: attempts that may run at once now; ``joined``: workers that came, ``lost``: that
    went without being told to, so far."""

    slots: int
    queued: int
    joined: int
    lost: int


class Pool:
    """See the module's text. ``slots``: attempts at once in one worker."""

    def __init__(self, attempts: Attempts, *, token: str, slots: int) -> None:
        self._attempts = attempts
        self._token = token
        self._slots = slots
        self._joined = 0
        self._lost = 0
        self._links: list[Link] = []
        self._queue: deque[Work] = deque()
        self._alone: deque[Work] = deque()
        self._overdue: dict[Link, float] = {}
        self._functions: frozenset[str] = frozenset()
        self._lease_until_s = math.inf
        self._died_importing = 0
        self._joining: list[asyncio.Future[None]] = []
        self._idle: asyncio.Future[None] | None = None
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._monotonic: Callable[[], float] = asyncio.get_running_loop().time
        self._none_since_s: float | None = self._monotonic()

    async def start(self, bound: socket.socket) -> None:
        """Take workers from a bound Unix socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._new_link, sock=bound)
        self._sweeper = loop.create_task(self._sweep(), name="pool-sweep")

    async def stop(self) -> None:
        """Break all connections: the workers end at once."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.close()

    @property
    def links(self) -> tuple[Link, ...]:
        """The workers that have joined."""
        return tuple(self._links)

    @property
    def without_workers_s(self) -> float:
        """For how long no worker has taken attempts; 0 while one does."""
        return 0.0 if self._none_since_s is None else self._monotonic() - self._none_since_s

    @property
    def busy(self) -> int:
        """Attempts in workers or waiting for one."""
        return len(self._queue) + len(self._alone) + sum(len(link.running) for link in self._links)

    @property
    def running(self) -> set[int]:
        """The executions whose attempts are in workers or wait for one."""
        waiting = {work.claim.execution_no for work in (*self._queue, *self._alone)}
        return waiting.union(*(link.running for link in self._links))

    def claim_of(self, execution_no: int) -> Claim | None:
        """The claim under which it runs here; None where it does not."""
        for link in self._links:
            if execution_no in link.running:
                return link.running[execution_no].claim
        return next(
            (
                work.claim
                for work in (*self._queue, *self._alone)
                if work.claim.execution_no == execution_no
            ),
            None,
        )

    async def idle(self, timeout_s: float) -> None:
        """Until no attempt is in a worker or waits for one, or the time is over."""
        if self._idle is None and self.busy:
            self._idle = asyncio.get_running_loop().create_future()
        if self._idle is not None:
            await asyncio.wait([self._idle], timeout=timeout_s)

    def assign(self, work: Work) -> None:
        """Hand the attempt to a worker, at once if one is free."""
        if work.claim.alone:
            self._alone.append(work)
            self._place_suspects()
            return
        link = self._least_busy()
        if link is None:
            self._queue.append(work)
        else:
            self._hand(link, work)

    def flush(self) -> None:
        """Let what was handed out leave now, and not at the end of the loop's turn."""
        for link in self._links:
            link.flush()

    async def wait_for_worker(self, timeout_s: float) -> bool:
        """Until a worker has joined; False when the time is over."""
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joining.append(joined)
        try:
            async with asyncio.timeout(timeout_s):
                await joined
        except TimeoutError:
            return False
        return True

    def free_link(self) -> Link | None:
        """A worker for a question; None while there is none."""
        return self._least_busy(limit=False)

    async def cancel(self, execution_no: int) -> None:
        """End the attempt, wherever it is, and wait until it has ended; its outcome is dropped.
        One that does not end takes its worker along."""
        for queue in (self._queue, self._alone):
            for work in [work for work in queue if work.claim.execution_no == execution_no]:
                queue.remove(work)
        for link in self._links:
            running = link.running.get(execution_no)
            if running is not None:
                if running.cancelled is None:
                    running.cancelled = asyncio.get_running_loop().create_future()
                    running.deadline = self._monotonic() + DEADLINE_GRACE_S
                    link.send(frames.Cancel(execution_no, running.claim.epoch))
                await asyncio.shield(running.cancelled)
                return

    def withdraw(self) -> list[Claim]:
        """Take back every attempt, for a node that stops; workers are told to end theirs."""
        claims = [work.claim for work in (*self._queue, *self._alone)]
        self._queue.clear()
        self._alone.clear()
        for link in self._links:
            for running in link.running.values():
                if running.cancelled is None:
                    claims.append(running.claim)
                    link.send(frames.Cancel(running.claim.execution_no, running.claim.epoch))
                _has_ended(running)
            link.running.clear()
        return claims

    async def sent(self, within_s: float) -> None:
        """Until workers have taken what was sent to them, or the time is over."""
        await asyncio.sleep(0)  # what was sent in this turn leaves at its end
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for link in list(self._links):
                    await link.writable.wait()

    def drain_all(self) -> None:
        """Let every worker end after its attempts; the supervisor starts new ones."""
        for link in list(self._links):
            self._drain(link)

    def import_functions(self, references: frozenset[str]) -> None:
        """Let every worker import these functions, one that joins later too."""
        new = references - self._functions
        self._functions = references
        if new:
            self._died_importing = 0
            for link in self._links:
                _import(link, new)

    def lease_until(self, until_s: float) -> None:
        """Let no worker start anything when ``lease_clock`` is past that, one that joins later
        neither."""
        if until_s != self._lease_until_s:
            self._lease_until_s = until_s
            for link in self._links:
                link.send(frames.Lease(until_s))

    # Listener of the links

    def joined(self, link: Link) -> None:
        """Let it import what is published, then give it what waits."""
        self._links.append(link)
        self._joined += 1
        link.send(frames.Lease(self._lease_until_s))
        joining, self._joining = self._joining, []
        for joined in joining:
            if not joined.done():
                joined.set_result(None)
        if self._functions and self._died_importing < DEADLY_IMPORTS:
            _import(link, self._functions)
        else:
            self._is_ready(link)

    def left(self, link: Link) -> None:
        """Find out what of its attempts is to blame."""
        self._links.remove(link)
        self._lost += not link.draining or link.killed
        self._overdue.pop(link, None)
        self._report_capacity()
        lost = [running for running in link.running.values() if not _has_ended(running)]
        link.running.clear()
        if link.importing and not link.killed:
            self._died_importing += 1
        self._blame(lost, link)
        self._place()
        self._tell_idle()

    def received(self, link: Link, frame: frames.Frame) -> None:
        """Outcomes and records are about attempts; all else is passed on."""
        if isinstance(frame, frames.Outcome):
            self._ended(link, frame)
        elif isinstance(frame, frames.Imported):
            self._imported(link)
        elif isinstance(frame, frames.Record):
            running = link.running.get(frame.execution_no)
            if (
                running is None
                or running.claim.epoch != frame.epoch
                or running.cancelled is not None
            ):
                link.send(frames.Recorded(frame.execution_no, frame.epoch, frame.entry.step, False))
            else:
                self._attempts.recorded(link, frame)
        else:
            self._attempts.asked(link, frame)

    # inside

    def _new_link(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", Link(self, self._token))

    def _imported(self, link: Link) -> None:
        link.importing -= 1
        self._died_importing = 0
        if not link.ready:
            self._is_ready(link)

    def _is_ready(self, link: Link) -> None:
        link.ready = True
        self._report_capacity()
        self._place()

    def _ended(self, link: Link, outcome: frames.Outcome) -> None:
        running = link.running.get(outcome.execution_no)
        if running is None or running.claim.epoch != outcome.epoch:
            return
        del link.running[outcome.execution_no]
        if not link.running:
            link.exclusive = False
        if not _has_ended(running):
            self._attempts.ended(running.claim, outcome)
        if self._queue or self._alone:
            self._place()
        if self._idle is not None:
            self._tell_idle()

    def _tell_idle(self) -> None:
        if self._idle is not None and not self._idle.done() and not self.busy:
            self._idle.set_result(None)

    def _blame(self, lost: list[Running], link: Link) -> None:
        now = self._monotonic()
        others = [running for running in lost if now < running.deadline]
        for running in lost:
            if running not in others:
                self._attempts.crashed(running.claim, TIMED_OUT, "sure")
        for running in others:
            if link.killed:
                self._attempts.crashed(running.claim, TAKEN_ALONG, "none")
            else:
                blame: Blame = "suspect" if len(lost) > 1 or link.importing else "sure"
                self._attempts.crashed(running.claim, CRASHED, blame)

    def _hand(self, link: Link, work: Work) -> None:
        claim = work.claim
        deadline = self._monotonic() + work.timeout_s + DEADLINE_GRACE_S
        long = len(claim.message.body) > LEFT_FROM_BYTES
        kept = without_body(claim) if long else claim  # what is sent is not kept as well
        link.running[claim.execution_no] = Running(kept, deadline)
        if work.definition.workspace not in link.workspaces:
            link.workspaces.add(work.definition.workspace)
            link.send(work.connections)
        link.define(work.definition)
        link.send(
            frames.Run(
                claim.execution_no,
                claim.epoch,
                claim.execution,
                claim.version_no,
                claim.attempt,
                work.timeout_s,
                claim.message,
                claim.journal,
                claim.given_input,
            ),
            long=long,
        )

    def _least_busy(self, *, limit: bool = True) -> Link | None:
        best: Link | None = None
        for link in self._links:
            if link.draining or link.exclusive:
                continue
            if limit and (not link.ready or len(link.running) >= self._slots):
                continue
            if best is None or len(link.running) < len(best.running):
                best = link
        return best

    def _place(self) -> None:
        self._place_suspects()
        while self._queue:
            link = self._least_busy()
            if link is None:
                return
            self._hand(link, self._queue.popleft())

    def _place_suspects(self) -> None:
        """Give each suspect an idle worker; keep one worker free for the next in line."""
        for link in self._links:
            if not self._alone:
                return
            if link.ready and not link.running and not link.draining:
                link.exclusive = True
                self._hand(link, self._alone.popleft())
        reserved = any(link.exclusive for link in self._links)
        next_free = self._least_busy()
        if self._alone and not reserved and next_free is not None:
            next_free.exclusive = True

    def figures(self) -> PoolFigures:
        """How it stands now."""
        queued = len(self._queue) + len(self._alone)
        return PoolFigures(self._capacity(), queued, self._joined, self._lost)

    def _capacity(self) -> int:
        return self._slots * sum(link.ready and not link.draining for link in self._links)

    def _report_capacity(self) -> None:
        capacity = self._capacity()
        if capacity:
            self._none_since_s = None
        elif self._none_since_s is None:
            self._none_since_s = self._monotonic()
        self._attempts.capacity(capacity)

    def _drain(self, link: Link) -> None:
        """Give it no more; it ends by itself after its last attempt, and is started anew."""
        link.draining = True
        link.send(frames.Drain())
        self._report_capacity()

    async def _sweep(self) -> None:
        left_out = 0
        while True:
            due = self._monotonic() + SWEEP_S
            await asyncio.sleep(SWEEP_S)
            now = self._monotonic()
            # An engine that was stopped for a while reads what its workers have sent meanwhile
            # before it blames them for being late: rounds that come late are left out.
            if now - due >= SWEEP_S and left_out < MOST_LEFT_OUT:
                left_out += 1
                continue
            left_out = 0
            for link in list(self._links):
                self._sweep_link(link, now)

    def _sweep_link(self, link: Link, now: float) -> None:
        overdue = sum(now >= running.deadline for running in link.running.values())
        if not overdue and not (link.draining and not link.running):
            return
        since = self._overdue.setdefault(link, now)
        if not link.draining:
            self._drain(link)
        stuck = overdue and overdue == len(link.running)
        if stuck or now - since > NEIGHBOUR_GRACE_S:
            link.killed = True
            _kill(link.pid)
            link.close()


def _import(link: Link, references: frozenset[str]) -> None:
    link.importing += 1
    link.send(frames.Import(sorted(references)))


def _has_ended(running: Running) -> bool:
    """Tell who cancelled the attempt that it has ended; False if nobody did."""
    if running.cancelled is None:
        return False
    if not running.cancelled.done():
        running.cancelled.set_result(None)
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
