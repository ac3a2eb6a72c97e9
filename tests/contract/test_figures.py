"""The contract of the figures port: what is added is there once, and what is kept is bounded."""

from __future__ import annotations

from firesteel.store.figures import HOURS_KEPT, MINUTES_KEPT, Figures, Tally, Totals
from firesteel.store.journal import Actor
from tests.support.hand import Hand

NOW = 30_000_000  # a minute: the year 2027


async def all_of(figures: Figures, *triggers: int) -> dict[tuple[int, int], Tally]:
    found = await figures.of_triggers(triggers, from_minute=0, until_minute=NOW * 2)
    assert [(one.minute, one.trigger_no) for one in found] == sorted(
        (one.minute, one.trigger_no) for one in found
    )
    return {(one.minute, one.trigger_no): one.tally for one in found}


async def test_what_is_added_to_a_minute_is_summed(figures: Figures) -> None:
    await figures.add(NOW, {1: Tally(accepted=2, failed=1, settle={7: 1}, answer={3: 1})})
    await figures.add(
        NOW,
        {
            1: Tally(accepted=1, refused=4, succeeded=2, retried=1, settle={7: 2, 9: 1}),
            2: Tally(waiting=5, oldest_waiting_s=60),
        },
    )

    assert await all_of(figures, 1, 2) == {
        (NOW, 1): Tally(3, 4, 2, 1, 1, settle={7: 3, 9: 1}, answer={3: 1}),
        (NOW, 2): Tally(waiting=5, oldest_waiting_s=60),
    }


async def test_states_are_the_latest_and_the_oldest_age_stays(figures: Figures) -> None:
    await figures.add(NOW, {1: Tally(waiting=9, oldest_waiting_s=50)})
    await figures.add(NOW, {1: Tally(waiting=2, oldest_waiting_s=3)})

    assert await all_of(figures, 1) == {(NOW, 1): Tally(waiting=2, oldest_waiting_s=50)}


async def test_only_the_triggers_and_the_time_that_were_asked_for(figures: Figures) -> None:
    for minute in (NOW - 1, NOW, NOW + 1):
        await figures.add(minute, {1: Tally(accepted=1), 2: Tally(accepted=1)})

    found = await figures.of_triggers([2], from_minute=NOW - 1, until_minute=NOW + 1)
    assert [(one.minute, one.trigger_no) for one in found] == [(NOW - 1, 2), (NOW, 2)]
    assert await figures.of_triggers([], from_minute=0, until_minute=NOW + 9) == []


async def test_old_minutes_become_hours_and_nothing_is_lost_on_the_way(figures: Figures) -> None:
    hour = (NOW - MINUTES_KEPT) // 60 * 60 - 60
    young = NOW - MINUTES_KEPT + 61
    for minute in (hour, hour + 1, hour + 59, young):
        await figures.add(minute, {1: Tally(accepted=1, settle={minute % 60: 1})})

    while await figures.compact(NOW):
        pass

    assert await all_of(figures, 1) == {
        (hour, 1): Tally(accepted=3, settle={hour % 60: 1, (hour + 1) % 60: 1, 59: 1}),
        (young, 1): Tally(accepted=1, settle={young % 60: 1}),
    }


async def test_hours_go_in_the_end(figures: Figures) -> None:
    ancient = NOW - HOURS_KEPT * 60 - 120
    await figures.add(ancient, {1: Tally(accepted=1)})
    await figures.add(NOW, {1: Tally(accepted=1)})

    assert await figures.compact(NOW) == 1
    assert await figures.compact(NOW) == 0
    assert list(await all_of(figures, 1)) == [(NOW, 1)]


async def test_what_happened_so_far_is_told_by_trigger(figures: Figures, hand: Hand) -> None:
    trigger_no = await hand.trigger("orders")
    assert (await figures.totals())[trigger_no] == Totals(0, 0, 0)

    await hand.accept(trigger_no)
    await hand.accept(trigger_no)

    totals = (await figures.totals())[trigger_no]
    assert (totals.accepted, totals.replayed, totals.purged) == (2, 0, 0)


async def test_paused_lanes_are_counted_by_trigger(figures: Figures, hand: Hand) -> None:
    trigger_no = await hand.trigger("orders")
    other_no = await hand.trigger("others")
    assert await figures.paused_lanes() == {}

    for key in ("a", "b"):
        await hand.journal.pause(trigger_no, key, Actor("me"))
    await hand.journal.pause(other_no, None, Actor("me"))
    assert await figures.paused_lanes() == {trigger_no: 2, other_no: 1}

    await hand.journal.resume(trigger_no, "a", Actor("me"))
    assert (await figures.paused_lanes())[trigger_no] == 1
