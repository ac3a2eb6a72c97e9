"""A store on SQLite with something in every table, as an engine left it that was killed."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from firesteel.model.execution import State
from firesteel.store.alerts import Advance, Alerts, NewDelivery, RuleState, Silence
from firesteel.store.bulk import NewBulk
from firesteel.store.catalog import NewApiKey, OfConsumer
from firesteel.store.figures import Tally
from firesteel.store.history import MessageFilter
from firesteel.store.journal import Actor, Claim, Edit, Settlement
from firesteel.store.people import Link, NewToken, SignIn, UserRights
from firesteel.store.sql.clock import boot_id
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.hand import ADA, GONE, OK, REQUEST, Hand, step

T = TypeVar("T")

FAR_US = 4_000_000_000_000_000
NUL = "a\0b"
MARKED = "\ue000\ue001\\0\0"
NO_UTF8 = bytes(range(256))
BIG = NO_UTF8 * 4096
RETRY_S = 3600.0
WORKSPACE = "t37ed"
CHECK = "c0ffee" * 8


def full_store(path: Path, *, messages: int = 300, big: int = 2, ahead_us: int = 0) -> None:
    """As ``make_full_store``, where there is no event loop."""
    apart(make_full_store(path, messages=messages, big=big, ahead_us=ahead_us))


def apart(work: Coroutine[Any, Any, T]) -> T:
    """What the work returns, done in a thread: the test's own event loop does not notice."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def make_full_store(
    path: Path, *, messages: int = 300, big: int = 2, ahead_us: int = 0
) -> None:
    """Write it to ``path``, with its log beside it. Nothing of it is due for an hour.

    ``messages``: so many small ones; ``big``: bodies of 1 MiB; ``ahead_us``: how much the wall
    clock, and so the steady clock, was ahead of the true time.
    """
    folder = path.parent / f"{path.name}.made"
    folder.mkdir()

    def wall_us() -> int:
        return time.time_ns() // 1000 + ahead_us

    store = await open_store(folder / path.name, wall_us=wall_us, boot=boot_id())
    try:
        await _catalog(store)
        hand = Hand(store.journal, store.catalog)
        await _lanes(hand)
        await _keys(hand)
        await _bodies(hand, big)
        await _many(hand, messages)
        await _interrupted(hand)
        await _people(store)
        await _beside(store)
        for file in (folder / path.name, folder / f"{path.name}-wal"):
            shutil.copyfile(file, path.with_name(file.name))
    finally:
        await store.close()
        shutil.rmtree(folder)


async def _catalog(store: SqliteStore) -> None:
    catalog = store.catalog
    await catalog.ensure_workspace(WORKSPACE)
    await catalog.put_setting("workspace", WORKSPACE)
    await catalog.put_setting("encryption_check", CHECK)
    await _alert(store.alerts)
    await catalog.put_draft(WORKSPACE, "orders", {"name": NUL}, base_version=0, actor="ada")
    await catalog.put_connection(
        WORKSPACE, "erp", {"sql": "sqlite://${P}"}, managed_by="console", actor="ada"
    )
    await catalog.put_secret(WORKSPACE, "P", b"\x01sealed\0", actor="ada")
    await catalog.note("ada", "looked", NUL, MARKED)


async def _people(store: SqliteStore) -> None:
    people = store.people
    await people.add_link(Link(b"\0first", None, FAR_US), "local")
    ada = await people.follow_link(b"\0first", "ada", "$argon2id$")
    await people.begin_sign_in(SignIn(b"\xffbrowser", ada.user_no, 1, 2, FAR_US, "::1", NUL))
    await people.add_user("ben", UserRights("viewer", sees_payloads=True), "user:ada")
    await people.add_link(Link(b"\xfelink", "ben", FAR_US), "user:ada")
    await people.add_token(NewToken("machine", ("view",), b"\x80", "fst_", None), "user:ada")


async def _beside(store: SqliteStore) -> None:
    await store.figures.add(28_000_000, {1: Tally(accepted=3, settle={4: 3})})
    wanted = MessageFilter(workspace=WORKSPACE, search=("color", NUL))
    await store.bulk.begin(NewBulk("replay", wanted, until_no=90, total=4), ADA)


async def _lanes(hand: Hand) -> None:
    """Ordered by keys with all kinds of characters, some of which a person has paused, or which
    stopped by themselves, or wait for a retry; messages wait in all of them."""
    orders = await hand.trigger("orders", concurrency=100, on_failure="pause")
    await hand.catalog.add_key(orders, NewApiKey("shop", b"\0d", "fsk_", b"\0s", FAR_US), "ada")
    await hand.catalog.touch_keys({1: 5})
    await hand.catalog.grant(orders, ["ACME"], "ada", make=True)
    (acme,) = await hand.catalog.consumers()
    own = NewApiKey("1", b"\0c", "fsk_", b"\0s", None)
    await hand.catalog.add_key(OfConsumer(acme.consumer_no), own, "ada")
    again = NewApiKey("1", b"\0r", "fsk_", b"\0s", None)
    await hand.catalog.rotate_key(
        OfConsumer(acme.consumer_no), "1", again, old_until_us=FAR_US, actor="ada"
    )
    heads: dict[str, Claim] = {}
    for lane in ("stopped", "paused", "later", "twice", NUL, MARKED, ""):
        await hand.accept_many(3, orders, lane)
        (heads[lane],) = await hand.taken()
    await hand.settle(heads["stopped"], State.FAILED)
    await hand.journal.pause(orders, "paused", ADA)
    await hand.settle(heads["paused"], entries=[step("one"), step("two", NO_UTF8)])
    await hand.postpone(heads["later"], RETRY_S, entries=[step()])
    await hand.settle(heads["twice"], State.FAILED)
    edit = Edit(request=REQUEST, body=NO_UTF8, input=b"{}")
    await hand.journal.replay(heads["twice"].execution_no, 1, ADA, edit)
    await hand.settle((await hand.taken())[0])
    held = await hand.trigger("held")
    await hand.journal.pause(held, None, ADA)
    await hand.accept_many(4, held)
    await hand.trigger("gone")
    await hand.catalog.remove(WORKSPACE, "gone", "ada")


async def _keys(hand: Hand) -> None:
    """Known by idempotency keys; found by search values; cancelled, skipped, printed on."""
    keyed = await hand.trigger("keyed", concurrency=100)
    for key in ("k", NUL, MARKED):
        new = hand.new(keyed, idempotency=hand.key(key, NO_UTF8))
        await hand.journal.append(structs.replace(new, search=(("color", key), ("size", "1"))))
    logged, cancelled, late = await hand.taken(3)
    settlement = Settlement(logged.execution_no, logged.epoch, State.SUCCEEDED, OK, logs=MARKED)
    await hand.journal.settle(structs.replace(settlement, input=NO_UTF8, code_hash="abc"))
    await hand.postpone(cancelled, RETRY_S)
    await hand.journal.cancel(cancelled.execution_no, Actor(NUL, MARKED), GONE)
    await hand.postpone(late, RETRY_S, counts=False, alone=True)


async def _bodies(hand: Hand, big: int) -> None:
    bodies = await hand.trigger("bodies", concurrency=100)
    for body in (NO_UTF8, b"", b"\0", *([BIG] * big)):
        await hand.accept(bodies, body=body)
        await hand.settle((await hand.taken())[0])


async def _many(hand: Hand, messages: int) -> None:
    many = await hand.trigger("many", concurrency=50)
    await hand.accept_many(messages, many)
    for claim in await hand.taken(min(messages, 50)):
        await hand.settle(claim)


async def _interrupted(hand: Hand) -> None:
    """Some run when the engine ends: those that a settlement has made room for, heads of lanes, one
    of a lane that was paused meanwhile, and one that two engines have ended under before."""
    ordered = await hand.trigger("ordered", concurrency=50)
    for lane in ("a", "b", NUL):
        await hand.accept_many(2, ordered, lane)
    await hand.journal.pause(ordered, "b", ADA)


async def _alert(alerts: Alerts) -> None:
    document = {"channels": {"ops": {"slack": f"${{CHAT}} {NUL}"}}}
    await alerts.put(WORKSPACE, document, rules=["r"], managed_by="console", actor="ada")
    await alerts.silence(Silence(WORKSPACE, "r", 2**50, "ada", NUL), "ada")
    state = RuleState(WORKSPACE, "r", NUL, 0)
    await alerts.advance(Advance([], [state], [NewDelivery(WORKSPACE, "ops", "r", NUL)]))
