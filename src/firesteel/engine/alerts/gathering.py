"""What a rule has told and what it gathers: told at once the first time, then at most once in a
rule's ``group`` time for each integration, and never more than ``BURST`` alerts in that time.

Pure rules: a state, what is found now, and the time; out comes the state after it and what is to be
told. The state stands in the store as JSON, written in the transaction that queues the alerts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from firesteel.model.alert import AlertItem, FirstFailure
from firesteel.model.alerts import Event
from firesteel.model.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firesteel.engine.alerts.facts import Fact, Failed
    from firesteel.model.alerts import AlertRule

BURST: Final = 5
SUBJECTS_MOST: Final = 1000
"""Integrations or keys of which one rule remembers something."""


class Heap(msgspec.Struct):
    """Failures of one integration that are not told yet."""

    count: int
    first: FirstFailure
    since_us: int
    until_us: int


class Known(msgspec.Struct):
    """Something that is so. ``degree``: the one that was told, -1: none was."""

    item: AlertItem
    degree: int = -1


class State(msgspec.Struct):
    """Of one rule. ``told_us``: when its last alerts were made; ``last_us``: of each integration;
    ``heaps`` and ``known`` by integration or key."""

    event: Event
    told_us: list[int] = []
    last_us: dict[str, int] = {}
    heaps: dict[str, Heap] = {}
    known: dict[str, Known] = {}


class Told(msgspec.Struct, frozen=True):
    """What a rule has to tell now."""

    firing: list[AlertItem] = []
    resolved: list[AlertItem] = []


def read_state(text: str, event: Event) -> State:
    """The state as it was stored; a new one where the rule was about something else."""
    state = msgspec.json.decode(text, type=State) if text else State(event)
    return state if state.event == event else State(event)


def write_state(state: State) -> str:
    """As it is stored."""
    return msgspec.json.encode(state, order="deterministic").decode()


def gather_failures(
    state: State, rule: AlertRule, failures: Iterable[Failed], now_us: int, *, silenced: bool
) -> Told:
    """Changes the state. What fails while the rule is silenced is not told."""
    for failed in () if silenced else failures:
        _add(state.heaps, failed)
    _forget_old(state, rule, now_us)
    due = [] if silenced else _due(state, list(state.heaps))
    firing = []
    for name in due:
        heap = state.heaps.pop(name)
        firing.append(
            AlertItem(
                integration=name,
                count=heap.count,
                since=rfc3339(heap.since_us),
                until=rfc3339(heap.until_us),
                within_s=max((heap.until_us - heap.since_us) // 1_000_000, 0),
                first=heap.first,
            )
        )
    _note(state, due, now_us)
    return Told(firing)


def compare_facts(
    state: State, rule: AlertRule, facts: Mapping[str, Fact], now_us: int, *, silenced: bool
) -> Told:
    """Changes the state. What is over is told, silenced or not, where its beginning was."""
    resolved = [
        known.item
        for subject, known in state.known.items()
        if subject not in facts and known.degree >= 0
    ]
    state.known = {name: known for name, known in state.known.items() if name in facts}
    for subject, fact in facts.items():
        if subject in state.known:
            state.known[subject].item = fact.item
        elif len(state.known) < SUBJECTS_MOST:
            state.known[subject] = Known(fact.item)
    _forget_old(state, rule, now_us)
    risen = [name for name, known in state.known.items() if facts[name].degree > known.degree]
    due = [] if silenced else _due(state, risen)
    for name in due:
        state.known[name].degree = facts[name].degree
    _note(state, due, now_us)
    return Told([facts[name].item for name in due], resolved)


def _add(heaps: dict[str, Heap], failed: Failed) -> None:
    heap = heaps.get(failed.integration)
    if heap is not None:
        heap.count += 1
        heap.until_us = max(heap.until_us, failed.settled_at_us)
    elif len(heaps) < SUBJECTS_MOST:
        at_us = failed.settled_at_us
        first = FirstFailure(failed.message_id, failed.code, rfc3339(at_us), failed.step)
        heaps[failed.integration] = Heap(1, first, at_us, at_us)


def _forget_old(state: State, rule: AlertRule, now_us: int) -> None:
    """A clock that was set back makes nobody wait: what was told later than now is forgotten."""
    since_us = now_us - int(rule.group_s * 1e6)
    state.told_us = [at_us for at_us in state.told_us if since_us < at_us <= now_us]
    state.last_us = {
        name: at_us for name, at_us in state.last_us.items() if since_us < at_us <= now_us
    }


def _due(state: State, names: list[str]) -> list[str]:
    if len(state.told_us) >= BURST:
        return []
    return [name for name in names if name not in state.last_us]


def _note(state: State, due: list[str], now_us: int) -> None:
    if due:
        state.told_us.append(now_us)
        state.last_us.update(dict.fromkeys(due, now_us))
