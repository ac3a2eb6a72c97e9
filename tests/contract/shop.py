"""A store with an integration, whose executions the test ends as it likes, on its own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from firesteel.model.execution import Failure, Response, State
from firesteel.model.message import Message
from firesteel.store.catalog import TriggerRules
from firesteel.store.history import MessageFilter, MessageSummary
from firesteel.store.journal import Accepted, Actor, Claim, Edit, NewMessage, Settlement

if TYPE_CHECKING:
    from tests.contract.conftest import OpenStore, Store

DAY_US = 86_400 * 1_000_000
START_US = 1_700_000_000 * 1_000_000
RULES = TriggerRules(
    concurrency=100, max_waiting=100_000, on_failure="continue", history_s=None, payloads_s=None
)
OK = Response(200, [("content-type", "text/plain")], b"done")
BAD_GATEWAY = Response(502, [], b"{}")
FAILURE = Failure("permanent", "permanent_error", "no such customer", trace="secret line 7")
ANNA = Actor("anna", "asked to")


@dataclass
class Clock:
    """A wall clock that a test sets, and the monotonic clock that no one can set."""

    wall_now_us: int = START_US
    passed_s: float = 0.0

    def wall_us(self) -> int:
        return self.wall_now_us

    def monotonic_s(self) -> float:
        return self.passed_s

    def pass_days(self, days: float) -> None:
        self.wall_now_us += int(days * DAY_US)
        self.passed_s += days * 86_400


@dataclass
class Shop:
    """A store with an integration, whose claims the test settles as it likes."""

    store: Store
    clock: Clock
    trigger_no: int
    version_no: int
    claims: dict[int, Claim] = field(default_factory=dict)
    ids: int = 0

    def claimed(self, claims: Sequence[Claim]) -> None:
        self.claims.update({claim.execution_no: claim for claim in claims})

    async def accept(
        self, consumer: str | None = "web shop", *, body: bytes = b"body", **more: Any
    ) -> Accepted:
        self.ids += 1
        message = Message(f"m{self.ids:06}", 0, self.clock.wall_us(), consumer, b"request", body)
        new = NewMessage(self.trigger_no, self.version_no, message, **more)
        accepted = await self.store.journal.append(new)
        assert isinstance(accepted, Accepted)
        return accepted

    async def settle(
        self,
        execution_no: int,
        state: Any = State.SUCCEEDED,
        failed: Failure = FAILURE,
        **more: Any,
    ) -> None:
        claim = self.claims.pop(execution_no)
        response, failure = (OK, None) if state is State.SUCCEEDED else (BAD_GATEWAY, failed)
        settlement = Settlement(execution_no, claim.epoch, state, response, failure, **more)
        assert await self.store.journal.settle(settlement)

    async def done(
        self, state: Any = State.SUCCEEDED, failed: Failure = FAILURE, **more: Any
    ) -> Accepted:
        accepted = await self.accept(**more)
        await self.settle(accepted.execution_no, state, failed)
        return accepted

    async def replay(self, execution_no: int, edit: Edit | None = None) -> int:
        number, _ = await self.store.journal.replay(execution_no, self.version_no, ANNA, edit)
        return number

    async def page(self, **conditions: Any) -> list[MessageSummary]:
        return await self.store.history.messages(MessageFilter(**conditions))

    async def numbers(self, **conditions: Any) -> list[int]:
        return [row.execution_no for row in await self.page(**conditions)]

    async def purge(self, days: float = 30) -> int:
        """Everything that retention lets go, in small batches."""
        gone = 0
        while batch := await self.store.history.purge(default_history_s=days * 86_400, batch=7):
            gone += batch
        return gone


async def open_shop(open_store: OpenStore, clock: Clock, **rules: Any) -> Shop:
    store = await open_store(wall_us=clock.wall_us, monotonic_s=clock.monotonic_s)
    await store.catalog.ensure_workspace("shop")
    shop = Shop(store, clock, 0, 0)
    await add_integration(shop, "orders", **rules)
    store.journal.listen(shop.claimed, lambda error: None)
    store.journal.grant(1000)
    return shop


async def add_integration(shop: Shop, name: str, **rules: Any) -> None:
    """Publish it; the shop accepts for it from now on."""
    published, _ = await shop.store.catalog.publish(
        "shop", {"name": name}, rules=replace(RULES, **rules), managed_by="files", actor="anna"
    )
    shop.trigger_no, shop.version_no = published.trigger_no, published.version_no
