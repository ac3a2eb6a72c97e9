"""What every store promises of edited replays: the message stays, the edit is kept with its run."""

from __future__ import annotations

import asyncio

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.catalog import AuditFilter
from firesteel.store.journal import Actor, Edit
from tests.contract.shop import ANNA, DAY_US, Clock, Shop

EDIT = Edit(body=b"mended", input=b'{"city":"Kalmar"}')


async def test_an_edited_replay_runs_on_what_the_person_gave(shop: Shop) -> None:
    failed = await shop.done(State.FAILED, body=b"broken")
    number = await shop.replay(failed.execution_no, EDIT)
    claim = shop.claims[number]
    assert (claim.message.request, claim.message.body) == (b"request", b"mended")
    assert claim.given_input == b'{"city":"Kalmar"}'
    assert (claim.message.id, claim.message.sequence) == (failed.message_id, failed.sequence)


async def test_a_request_that_a_person_has_edited_runs_with_the_body_that_was_received(
    shop: Shop,
) -> None:
    failed = await shop.done(State.FAILED, body=b"received")
    claim = shop.claims[await shop.replay(failed.execution_no, Edit(request=b"edited"))]
    assert (claim.message.request, claim.message.body) == (b"edited", b"received")
    assert claim.given_input == b""


async def test_a_long_body_that_a_person_gave_is_left_in_the_store_like_any_other(
    shop: Shop,
) -> None:
    long = bytes(range(256)) * 2000
    failed = await shop.done(State.FAILED, body=b"broken")
    edited = await shop.replay(failed.execution_no, Edit(body=long, input=b"{}"))
    claim = shop.claims[edited]
    assert (claim.message.body, claim.left_bytes, claim.given_input) == (b"", len(long), b"{}")
    assert await shop.store.journal.body(edited) == long
    kept = await shop.done(State.FAILED, body=long)
    shortened = await shop.replay(kept.execution_no, EDIT)
    claim = shop.claims[shortened]
    assert (claim.message.body, claim.left_bytes) == (b"mended", 0)
    as_it_was = await shop.replay(kept.execution_no, Edit(input=b"{}"))
    assert shop.claims[as_it_was].left_bytes == len(long)
    assert await shop.store.journal.body(as_it_was) == long


async def test_p17_the_message_stays_as_it_was_received_and_the_edit_is_shown_with_its_run(
    shop: Shop,
) -> None:
    failed = await shop.done(State.FAILED, body=b"broken")
    number = await shop.replay(failed.execution_no, EDIT)
    original, replay = await shop.store.history.executions(failed.message_id)
    assert original.message is not None
    assert replay.message is not None
    assert original.message.body == replay.message.body == b"broken"
    assert (original.edit, replay.edit) == (None, EDIT)
    assert (replay.summary.execution_no, replay.replay_of) == (number, failed.execution_no)


async def test_a_replay_repeats_the_run_that_it_replays_its_edit_too(shop: Shop) -> None:
    failed = await shop.done(State.FAILED, body=b"broken")
    edited = await shop.replay(failed.execution_no, EDIT)
    await shop.settle(edited, State.FAILED)
    again = await shop.replay(edited)
    as_it_was = await shop.replay(failed.execution_no)
    assert shop.claims[again].message.body == b"mended"
    assert shop.claims[again].given_input == b'{"city":"Kalmar"}'
    assert shop.claims[as_it_was].message.body == b"broken"
    assert shop.claims[as_it_was].given_input == b""


async def test_an_edited_replay_keeps_its_edit_through_retries_and_the_original_its_place(
    shop: Shop,
) -> None:
    """In a lane it stands at the tail, as every replay does."""
    failed = await shop.done(State.FAILED, body=b"broken", lane_key="c1")
    ahead = await shop.accept(lane_key="c1")
    number = await shop.replay(failed.execution_no, EDIT)
    assert number not in shop.claims
    await shop.settle(ahead.execution_no)
    assert shop.claims[number].message.body == b"mended"


async def test_the_audit_log_tells_who_edited_which_parts_and_nothing_of_them(shop: Shop) -> None:
    failed = await shop.done(State.FAILED)
    await shop.store.journal.replay(failed.execution_no, shop.version_no, Actor("bo"), EDIT)
    await shop.replay(failed.execution_no)
    plain, edited, *_ = await shop.store.catalog.audit(AuditFilter(limit=5))
    assert (edited.actor, edited.action, edited.detail) == (
        *("bo", "execution.replay"),
        "edited body, input",
    )
    assert (plain.actor, plain.action, plain.detail) == (ANNA.name, "execution.replay", ANNA.why)


async def test_retention_lets_go_of_edits_with_the_payload_that_they_changed(
    shop: Shop, clock: Clock
) -> None:
    failed = await shop.done(State.FAILED)
    await shop.settle(await shop.replay(failed.execution_no, EDIT))
    clock.pass_days(31)
    assert await shop.purge() == 1
    assert await shop.store.history.executions(failed.message_id) == []
    assert clock.passed_s * 1e6 > DAY_US
    replayed = await shop.done(State.FAILED)
    assert len(await shop.store.history.executions(replayed.message_id)) == 1


async def test_who_replays_the_latest_execution_at_once_with_others_makes_one(shop: Shop) -> None:
    failed = await shop.done(State.FAILED)
    replay = shop.store.journal.replay
    asked = [replay(failed.execution_no, shop.version_no, ANNA, latest=True) for _ in range(4)]
    said = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in said if isinstance(one, CallerError)]
    assert [one.code for one in refused] == ["not_terminal"] * 3
    # Who names the execution means it.
    await shop.replay(failed.execution_no)
    with pytest.raises(CallerError):
        await replay(failed.execution_no, shop.version_no, ANNA, latest=True)
