"""The port of alerts: what is to be told and how, what there is to tell, and what was sent.

One node at a time looks for what is to be told (``store.jobs``), but each of its changes is right
whoever makes it: ``advance`` does all of a round in one transaction, or nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from firesteel.store.catalog import ManagedBy

DeliveryState = Literal["waiting", "sent", "failed"]

DELIVERIES_KEPT: Final = 500
"""Of a workspace, beside those that are on their way."""
DELIVERIES_WAITING: Final = 100
"""Over one channel; where more would wait, the oldest has failed."""


@dataclass(frozen=True, slots=True)
class StoredAlerts:
    """``document``: of ``model.alerts``, references unresolved."""

    workspace: str
    document: dict[str, Any]
    managed_by: ManagedBy
    changed_at_us: int


@dataclass(frozen=True, slots=True)
class Silence:
    """``rule`` '': all rules of the workspace."""

    workspace: str
    rule: str
    until_us: int
    silenced_by: str
    why: str
    silenced_at_us: int = 0


@dataclass(frozen=True, slots=True)
class UntoldFailure:
    """A failed execution that nobody has been told of."""

    execution_no: int
    workspace: str
    integration: str
    message_id: str
    settled_at_us: int
    code: str
    step: str | None


@dataclass(frozen=True, slots=True)
class Paused:
    """A trigger of which something stands still: all of it, or ``lanes`` of its lanes, of which
    ``stopped`` stand at a failed execution."""

    workspace: str
    integration: str
    whole: bool
    lanes: int
    stopped: int


@dataclass(frozen=True, slots=True)
class RuleState:
    """``revision`` 0: there is none yet."""

    workspace: str
    rule: str
    state: str
    revision: int


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An alert for one channel; ``content`` is JSON."""

    workspace: str
    channel: str
    rule: str
    content: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """``error``: of the last attempt, '' where there was none that failed."""

    no: int
    workspace: str
    channel: str
    rule: str
    content: str
    state: DeliveryState
    made_at_us: int
    next_at_us: int
    ended_at_us: int | None
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Advance:
    """What a round found and made of it. ``told``: numbers of failed executions; ``states``: those
    that changed, with the revision that was read; ``deliveries``: to be sent."""

    told: Sequence[int] = ()
    states: Sequence[RuleState] = ()
    deliveries: Sequence[NewDelivery] = field(default_factory=tuple)


class Alerts(Protocol):
    """Implemented by each store. Each change is committed and flushed before it returns."""

    async def all(self) -> list[StoredAlerts]:
        """Of all workspaces that have channels or rules, by name."""
        ...

    async def find(self, workspace: str) -> StoredAlerts | None:
        """None: the workspace has none."""
        ...

    async def put(  # noqa: PLR0913  # all but two are named at the call
        self,
        workspace: str,
        document: dict[str, Any],
        *,
        rules: Collection[str],
        managed_by: ManagedBy,
        actor: str,
        expect_changed_at_us: int | None = None,
    ) -> bool:
        """True if it changed. ``rules``: those in force; what others have gathered is forgotten.
        What waits to be sent is tried again at once. ``expect_changed_at_us``: it must have been
        changed last then (0: there must be none); CallerError ``changed_meanwhile`` otherwise.
        The first document of the store also sets from when on failures are told."""
        ...

    async def delete(self, workspace: str, actor: str) -> bool:
        """With what its rules have gathered and their silences; what waits has failed. False:
        there was none."""
        ...

    async def silences(self) -> list[Silence]:
        """Of all workspaces, also those that are over."""
        ...

    async def silence(self, silence: Silence, actor: str) -> None:
        """Write or replace it. Raises CallerError ``unknown_workspace``."""
        ...

    async def end_silence(self, workspace: str, rule: str, actor: str) -> bool:
        """False: there was none."""
        ...

    async def untold(self, limit: int) -> list[UntoldFailure]:
        """Failed executions that nobody was told of, of all workspaces, those that failed since
        alerts were first set up, the oldest first. Reads an index that holds no others."""
        ...

    async def paused(self) -> list[Paused]:
        """All triggers of which something stands still."""
        ...

    async def states(self) -> list[RuleState]:
        """Of all rules that have any."""
        ...

    async def advance(self, done: Advance) -> bool:
        """All of it in one transaction. False, and nothing is written: another node has told some
        of it already, or changed a state."""
        ...

    async def due(self, limit: int) -> list[Delivery]:
        """The first that waits of each channel, where its time has come."""
        ...

    async def attempted(
        self, no: int, *, state: DeliveryState, error: str = "", again_in_s: float = 0.0
    ) -> None:
        """Record an attempt and what came of it. Of one that has ended already: nothing."""
        ...

    async def record(self, delivery: NewDelivery, *, error: str) -> None:
        """One that was tried by a person and has ended: with an error, or well ('')."""
        ...

    async def deliveries(self, workspace: str, limit: int) -> list[Delivery]:
        """Latest first."""
        ...
