"""The checker finds in hand-made histories what must not happen, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fault.checker import check
from tests.fault.history import Balance, Call, Effect, Ending, History

A = Call("a", "Ordered", "k", 1.0, 2.0, "ok", "m1", 1)
B = Call("b", "Ordered", "k", 3.0, 4.0, "ok", "m2", 2)


def effects_of(call: Call, attempt: int = 1, steps: tuple[int, ...] = (1, 2)) -> tuple[Effect, ...]:
    assert call.message_id is not None
    assert call.sequence is not None
    known = (call.value, call.trigger, call.lane, call.message_id, call.sequence, attempt)
    return tuple(Effect(*known, step, phase) for step in steps for phase in ("begin", "end"))


def ended(call: Call, state: str = "succeeded", settled_at: str = "10:00") -> Ending:
    assert call.message_id is not None
    assert call.sequence is not None
    return Ending(call.message_id, call.trigger, call.sequence, state, settled_at)


BOOKS = Balance("Ordered", accepted=2, replayed=0, waiting=0, running=0, ended=2, purged=0)
SOUND = History((A, B), effects_of(A) + effects_of(B), (ended(A), ended(B)), 2, (BOOKS,))


def kinds(history: History) -> set[str]:
    return {violation.kind for violation in check(history)}


def test_a_sound_history_has_no_violation() -> None:
    assert check(SOUND) == []


def test_a_history_may_begin_behind_others_and_still_have_no_gap() -> None:
    later = [replace(call, sequence=call.sequence + 40) for call in (A, B) if call.sequence]
    behind = History(
        tuple(later),
        tuple(effect for call in later for effect in effects_of(call)),
        tuple(ended(call) for call in later),
        2,
        (replace(BOOKS, accepted=42, ended=42),),
        before={"Ordered": 40},
    )
    assert check(behind) == []
    assert kinds(replace(behind, before={"Ordered": 39})) == {"inverted", "unbalanced"}


def test_a_step_in_flight_at_a_crash_may_run_again() -> None:
    again = effects_of(A)[:3] + effects_of(A, 2, (2,)) + effects_of(B)
    assert check(replace(SOUND, effects=again)) == []


def test_a_call_without_an_answer_may_have_been_accepted() -> None:
    silent = replace(B, outcome="unknown", message_id=None, sequence=None)
    assert check(replace(SOUND, calls=(A, silent))) == []


def test_a_call_without_an_answer_may_have_been_lost() -> None:
    silent = replace(B, outcome="unknown", message_id=None, sequence=None)
    assert check(History((A, silent), effects_of(A), (ended(A),), 2)) == []


def test_calls_with_one_key_may_get_one_message_and_sequence() -> None:
    first, again = replace(A, key="a"), replace(A, key="a", invoked_at=5.0, answered_at=6.0)
    assert check(replace(SOUND, calls=(first, B, again))) == []


def test_the_books_may_hold_what_was_purged_and_replayed() -> None:
    books = replace(BOOKS, accepted=9, replayed=1, purged=8)
    assert check(replace(SOUND, balances=(books,))) == []


def test_messages_of_a_trigger_without_order_may_run_side_by_side() -> None:
    a, b = replace(A, lane=None), replace(B, lane=None)
    (first, *rest), others = effects_of(a), effects_of(b)
    assert check(replace(SOUND, calls=(a, b), effects=(first, *others, *rest))) == []


def test_the_end_may_be_seen_several_times() -> None:
    waiting = ended(B, "waiting", "")
    endings = (ended(A), waiting, ended(A), ended(B))
    assert check(replace(SOUND, endings=endings)) == []


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("lost", replace(SOUND, endings=(ended(A),))),
        ("lost", replace(SOUND, endings=(ended(A), ended(B, "running", "")))),
        ("lost", replace(SOUND, effects=effects_of(A) + effects_of(B)[:3])),
        ("phantom", replace(SOUND, calls=(A,))),
        (
            "phantom",
            replace(SOUND, calls=(A, replace(B, outcome="fail", message_id=None, sequence=None))),
        ),
        (
            "phantom",
            replace(SOUND, endings=(*SOUND.endings, Ending("m3", "Ordered", 3, "failed", "10"))),
        ),
        (
            "doubled",
            replace(SOUND, effects=SOUND.effects + effects_of(replace(A, message_id="m9"))),
        ),
        ("doubled", replace(SOUND, effects=effects_of(A) + effects_of(A, 2) + effects_of(B))),
        ("doubled", replace(SOUND, endings=(ended(A, "failed"), ended(A), ended(B)))),
        ("doubled", replace(SOUND, endings=(ended(A, settled_at="9:00"), ended(A), ended(B)))),
        (
            "doubled",
            replace(SOUND, calls=(replace(A, key="a"), B, replace(A, key="a", message_id="m3"))),
        ),
        ("inverted", replace(SOUND, calls=(replace(A, sequence=2), replace(B, sequence=1)))),
        ("inverted", replace(SOUND, endings=(ended(A), ended(replace(B, sequence=3))))),
        ("inverted", replace(SOUND, effects=effects_of(B) + effects_of(A))),
        (
            "overlapping",
            replace(SOUND, effects=effects_of(A)[:3] + effects_of(B) + effects_of(A)[3:]),
        ),
        ("crossed", replace(SOUND, calls=(A, replace(B, answer="a")))),
        ("unbalanced", replace(SOUND, balances=(replace(BOOKS, ended=1),))),
        ("unbalanced", replace(SOUND, balances=(replace(BOOKS, accepted=3, ended=3),))),
        ("crossed", replace(SOUND, calls=(A, replace(B, message_id="m1")))),
        ("crossed", replace(SOUND, calls=(A, replace(B, sequence=1)))),
    ],
)
def test_every_kind_of_violation_is_found(kind: str, wrong: History) -> None:
    assert kind in kinds(wrong)


def test_a_step_that_had_begun_may_end_late_where_a_node_stood_still() -> None:
    begun, *rest = effects_of(A, 1, (1,))
    late = (begun, *effects_of(A, 2), *effects_of(B), *rest)
    assert kinds(replace(SOUND, effects=late)) == {"doubled", "overlapping"}
    assert check(replace(SOUND, effects=late, paused=True)) == []


def test_no_step_may_begin_late_where_a_node_stood_still() -> None:
    first, second = effects_of(A, 1, (1,)), effects_of(A, 1, (2,))
    late = first + effects_of(A, 2, (2,)) + second + effects_of(B)
    assert kinds(replace(SOUND, effects=late, paused=True)) == {"stale"}


def test_a_step_that_had_begun_may_be_seen_late_where_a_node_stood_still() -> None:
    seen_late = tuple(replace(effect, at_s=1.0) for effect in effects_of(A, 1, (1,)))
    others = (*effects_of(A, 2), *effects_of(B))
    effects = (*(replace(effect, at_s=2.0) for effect in others), *seen_late)
    assert kinds(replace(SOUND, effects=effects)) == {"doubled", "overlapping", "stale"}
    assert check(replace(SOUND, effects=effects, paused=True)) == []


def test_messages_that_are_only_recorded_have_no_effects() -> None:
    assert check(replace(SOUND, effects=(), steps=0)) == []
