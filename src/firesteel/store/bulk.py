"""The port of bulk acts: what a person does to all executions that a filter finds.

A bulk act is kept with how far it has come, so that it goes on after a restart, whoever watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from firesteel.store.history import MessageFilter
from firesteel.store.journal import Actor

Act = Literal["replay", "cancel", "skip", "erase"]
BulkState = Literal["running", "done", "cancelled"]


@dataclass(frozen=True, slots=True)
class NewBulk:
    """A bulk act to begin: on the executions of ``filter`` up to the number ``until_no``, of which
    ``total`` were counted. The filter's workspace is set."""

    act: Act
    filter: MessageFilter
    until_no: int
    total: int


@dataclass(frozen=True, slots=True)
class Bulk:
    """``at_no``: the last execution that was looked at, the oldest first. ``done``: acted on;
    ``passed_over``: found in a state in which the act has no meaning, by the time it was their
    turn."""

    no: int
    workspace: str
    act: Act
    filter: MessageFilter
    state: BulkState
    started_by: str
    why: str
    started_at_us: int
    ended_at_us: int | None
    until_no: int
    at_no: int
    total: int
    done: int
    passed_over: int


@dataclass(frozen=True, slots=True)
class Step:
    """How far a bulk act has come since the last step."""

    at_no: int
    done: int
    passed_over: int


class BulkActs(Protocol):
    """Each change is committed and flushed before it returns. The latest hundred of a workspace
    are kept."""

    async def begin(self, new: NewBulk, actor: Actor) -> Bulk:
        """Note the act, and in the audit log who began it. Raises CallerError ``bulk_running``
        where another one of the workspace has not ended, and ``unknown_workspace``."""
        ...

    async def step(self, no: int, step: Step) -> bool:
        """Add to the progress of a running one. False: it has been cancelled meanwhile."""
        ...

    async def end(self, no: int, state: Literal["done", "cancelled"], actor: Actor) -> bool:
        """End a running one; False: it had ended before. Only a cancellation is audited. With the
        end of an erasure the consumer and search value that it was about are forgotten, by the
        other acts of the workspace too."""
        ...

    async def show(self, workspace: str, no: int) -> Bulk | None:
        """None: there is no such one."""
        ...

    async def latest(self, workspace: str, limit: int = 20) -> list[Bulk]:
        """Latest first."""
        ...

    async def running(self) -> list[Bulk]:
        """Of all workspaces, in the order of their numbers."""
        ...
