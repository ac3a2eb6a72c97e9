"""Judges a history: a pure function from what happened to what must not have happened.

===============  ===============================================================================
``lost``         acknowledged, but not there, not terminal, or succeeded without its effects
``phantom``      an effect or message of a value that nobody sent, or whose call was refused
``doubled``      one value, or idempotency key, in two messages; a message that ended twice; a step
                 that ran again after a later one had begun: its journaled result was not used
``inverted``     a call sent after another one's answer got a lower sequence; a gap in the
                 sequences; a lane that began a later message first
``overlapping``  in a lane, something of a message after the next one had begun
``stale``        a step that began in an attempt after a later attempt had begun (P14)
``crossed``      a caller that got another one's answer; two calls with one message or sequence
``unbalanced``   a trigger's books that do not balance (P07): accepted and replayed is not waiting,
                 running, ended and purged; or the list of messages is longer or shorter than that
===============  ===============================================================================

What a step in flight at a crash does twice under one place is allowed (P13), and so is a call
without an answer that was accepted all the same. Where nodes stood still, one may have done so
between the beginning of a step and the first that anybody saw of it: there the order is the one in
which steps began.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tests.fault.history import Call, Effect, Ending, History, latest

Kind = Literal[
    "lost", "phantom", "doubled", "inverted", "overlapping", "stale", "crossed", "unbalanced"
]


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept."""

    kind: Kind
    detail: str


def check(history: History) -> list[Violation]:
    """Everything that is wrong with a history whose node has come to rest; empty: nothing is."""
    if history.paused:
        begun = sorted(history.effects, key=lambda effect: effect.at_s)
        history = replace(history, effects=tuple(begun))
    checks = (_lost, _phantom, _doubled, _inverted, _overlapping, _stale, _crossed, _unbalanced)
    return [violation for one in checks for violation in one(history)]


def _lost(history: History) -> Iterator[Violation]:
    endings = latest(history.endings)
    finished = {e.message_id for e in history.effects if _is_last(e, history.steps)}
    for call in _acknowledged(history):
        ending = endings.get(call.message_id or "")
        if ending is None:
            yield Violation("lost", f"{call.value}: message {call.message_id} is not there")
    for ending in endings.values():
        if not ending.terminal:
            yield Violation("lost", f"message {ending.message_id} is still {ending.state}")
        elif history.steps and ending.state == "succeeded" and ending.message_id not in finished:
            yield Violation("lost", f"message {ending.message_id} succeeded without its effects")


def _phantom(history: History) -> Iterator[Violation]:
    sent = {call.value: call for call in history.calls}
    known = {call.message_id for call in history.calls}
    seen = {effect.message_id: effect.value for effect in history.effects}
    for message_id, value in seen.items():
        if value not in sent:
            yield Violation("phantom", f"nobody sent {value}")
        elif sent[value].outcome == "fail":
            yield Violation("phantom", f"{value} was refused and ran as {message_id}")
    unknown = sum(call.outcome == "unknown" for call in history.calls)
    unclaimed = latest(history.endings).keys() - known
    if len(unclaimed) > unknown:
        detail = f"{len(unclaimed)} messages that no caller knows, {unknown} calls without answer"
        yield Violation("phantom", detail)


def _doubled(history: History) -> Iterator[Violation]:
    messages: defaultdict[str, set[str]] = defaultdict(set)
    furthest: Counter[str] = Counter()
    for effect in history.effects:
        messages[effect.value].add(effect.message_id)
        if history.paused and effect.phase == "end":
            continue
        if effect.step < furthest[effect.message_id]:
            detail = f"step {effect.step} of {effect.value} ran again in attempt {effect.attempt}"
            yield Violation("doubled", detail)
        furthest[effect.message_id] = max(furthest[effect.message_id], effect.step)
    for call in _acknowledged(history):
        if call.key is not None and call.message_id is not None:
            messages[call.value].add(call.message_id)
    for value, ids in messages.items():
        if len(ids) > 1:
            yield Violation("doubled", f"{value} became {len(ids)} messages")
    yield from _ended_twice(history.endings)


def _ended_twice(endings: Iterable[Ending]) -> Iterator[Violation]:
    first: dict[str, Ending] = {}
    for ending in endings:
        before = first.get(ending.message_id)
        if before is not None and before != ending:
            detail = f"message {ending.message_id} was {before.state}, then {ending.state}"
            yield Violation("doubled", detail)
        elif ending.terminal:
            first[ending.message_id] = ending


def _inverted(history: History) -> Iterator[Violation]:
    for trigger in {call.trigger for call in history.calls}:
        # A duplicate is answered with the first one's sequence, however late it comes.
        known = [c for c in _acknowledged(history) if c.trigger == trigger and c.key is None]
        yield from _out_of_sequence(known)
    taken: defaultdict[str, set[int]] = defaultdict(set)
    for ending in history.endings:
        taken[ending.trigger].add(ending.sequence)
    for trigger, numbers in taken.items():
        first = history.before.get(trigger, 0) + 1
        missing = next(n for n in itertools.count(first) if n not in numbers)
        if missing <= max(numbers):
            yield Violation("inverted", f"{trigger} has no sequence {missing}")
    for lane in _lanes(history.effects):
        firsts = _first_sequences(lane)
        for earlier, later in itertools.pairwise(firsts):
            if later < earlier:
                yield Violation("inverted", f"{later} began after {earlier} in {_lane(lane[0])}")


def _out_of_sequence(calls: list[Call]) -> Iterator[Violation]:
    """P08: the highest sequence answered before a call was sent is lower than its own."""
    answered = sorted(calls, key=lambda call: call.answered_at)
    highest, at = 0, 0
    for call in sorted(calls, key=lambda call: call.invoked_at):
        while at < len(answered) and answered[at].answered_at < call.invoked_at:
            highest = max(highest, answered[at].sequence or 0)
            at += 1
        if (call.sequence or 0) <= highest:
            detail = f"{call.value} got {call.sequence} after {highest} was answered"
            yield Violation("inverted", detail)


def _overlapping(history: History) -> Iterator[Violation]:
    for lane in _lanes(history.effects):
        begun: set[int] = set()
        current = 0
        for effect in lane:
            if history.paused and effect.phase == "end":
                continue
            if effect.sequence < current and effect.sequence in begun:
                detail = f"{effect.sequence} went on after {current} began in {_lane(effect)}"
                yield Violation("overlapping", detail)
            begun.add(effect.sequence)
            current = max(current, effect.sequence)


def _stale(history: History) -> Iterator[Violation]:
    attempts: Counter[str] = Counter()
    for effect in history.effects:
        furthest = attempts[effect.message_id]
        if effect.phase == "begin" and effect.attempt < furthest:
            detail = f"step {effect.step} of {effect.value} began in attempt {effect.attempt}"
            yield Violation("stale", f"{detail} after attempt {furthest} had begun")
        attempts[effect.message_id] = max(furthest, effect.attempt)


def _crossed(history: History) -> Iterator[Violation]:
    acknowledged = _acknowledged(history)
    for call in acknowledged:
        if call.answer is not None and call.answer != call.value:
            yield Violation("crossed", f"{call.value} was answered with {call.answer}")
    # Calls of one key are one message: doubled where they are not, but never crossed.
    alone = {call.key or call.value: call for call in acknowledged}.values()
    ids = Counter(call.message_id for call in alone)
    numbers = Counter((call.trigger, call.sequence) for call in alone)
    for name, count in [*ids.items(), *numbers.items()]:
        if count > 1:
            yield Violation("crossed", f"{count} calls got {name}")
    given = {call.value: call.message_id for call in acknowledged if call.key is None}
    for message_id, value in {(e.message_id, e.value) for e in history.effects}:
        if given.get(value, message_id) != message_id:
            yield Violation("crossed", f"{value} ran as another message than it was told")


def _unbalanced(history: History) -> Iterator[Violation]:
    listed = Counter(ending.trigger for ending in latest(history.endings).values())
    for books in history.balances:
        taken = books.accepted + books.replayed
        shown = books.waiting + books.running + books.ended + books.purged
        if taken != shown:
            detail = f"{books.trigger}: {taken} accepted and replayed, {shown} waiting to purged"
            yield Violation("unbalanced", detail)
        accepted = books.accepted - history.before.get(books.trigger, 0)
        if not books.purged and listed[books.trigger] != accepted:
            detail = f"{books.trigger}: {accepted} accepted, {listed[books.trigger]} listed"
            yield Violation("unbalanced", detail)


def _acknowledged(history: History) -> list[Call]:
    return [call for call in history.calls if call.outcome == "ok"]


def _is_last(effect: Effect, steps: int) -> bool:
    return effect.step == steps and effect.phase == "end"


def _lanes(effects: Iterable[Effect]) -> list[list[Effect]]:
    """The effects of each lane, in order; those of triggers without order are left out."""
    lanes: defaultdict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in effects:
        if effect.lane is not None:
            lanes[effect.trigger, effect.lane].append(effect)
    return list(lanes.values())


def _first_sequences(lane: list[Effect]) -> list[int]:
    return list(dict.fromkeys(effect.sequence for effect in lane))


def _lane(effect: Effect) -> str:
    return f"lane {effect.lane!r} of {effect.trigger}"
