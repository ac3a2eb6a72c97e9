"""What is told of nodes: who is down, only where it was seen so for a while; what each has noted of
itself; in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.engine.alerts import of_nodes
from firesteel.engine.alerts.conditions import Condition, Conditions
from firesteel.engine.alerts.gathering import State, compare_facts
from firesteel.engine.alerts.of_nodes import DOWN_S, EXPECTED_S, LOOKS_S, NodeFacts
from firesteel.engine.alerts.wording import Writer
from firesteel.engine.clock import SystemClock
from firesteel.errors import OperatorError
from firesteel.model.alert import AlertItem
from firesteel.model.alerts import (
    DEFAULT_RULES,
    OF_NODES,
    AlertRule,
    Event,
    check_alerts_document,
)
from firesteel.store.nodes import NoNodes, SeenNode
from tests.support.attended_engine import AttendedEngine, attended_engine
from tests.unit.engine.test_housekeeping import housekeeper

MIB = 1024**2
LOW = AlertItem(free_bytes=50 * MIB, reserve_bytes=100 * MIB, refusing=True)


class Seen(NoNodes):
    """Nodes as the test says."""

    def __init__(self) -> None:
        self.silent_s: dict[str, float | None] = {}

    async def seen(self) -> list[SeenNode]:
        return [SeenNode(name, silent_s) for name, silent_s in self.silent_s.items()]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def node(tmp_path: Path, seen: Seen) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path, nodes=seen) as made:
        yield made


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, to be set."""
    clock = [1000.0]
    monkeypatch.setattr(of_nodes.time, "monotonic", lambda: clock[0])
    return clock


def facts(node: AttendedEngine) -> NodeFacts:
    return NodeFacts(node.parts, Conditions(node.parts.catalog, ""))


async def down(looking: NodeFacts) -> list[str]:
    """Those that are to be told."""
    found = await looking.look({"node_down"})
    return [fact.subject for _, fact in found if fact.degree >= 0]


async def test_a_node_is_told_when_it_was_down_at_each_look_for_a_while(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    looking = facts(node)
    seen.silent_s = {"a": None, "b": 20.0}
    assert await down(looking) == []
    now[0] += DOWN_S / 2
    assert await down(looking) == []
    now[0] += DOWN_S / 2
    assert await down(looking) == ["b"]
    assert not looking.is_over("node_down", AlertItem(node="b"))
    seen.silent_s = {"a": None, "b": None}
    assert await down(looking) == []
    assert looking.is_over("node_down", AlertItem(node="b"))


async def test_a_node_that_begins_to_watch_tells_nobody_again_and_ends_nothing(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    rule, state, told = AlertRule(event="node_down"), State("node_down"), []

    async def round_of(watcher: NodeFacts) -> None:
        found = {fact.subject: fact for _, fact in await watcher.look({"node_down"})}
        told.append(compare_facts(state, rule, found, int(now[0] * 1e6), silenced=False))
        now[0] += LOOKS_S

    seen.silent_s = {"a": None, "b": 20.0}
    first, second = facts(node), facts(node)
    for watcher in (first, first, second, first, second):
        await round_of(watcher)
    assert [[item.node for item in one.firing] for one in told] == [[], ["b"], [], [], []]
    assert not any(one.resolved for one in told)
    seen.silent_s = {"a": None, "b": None}
    await round_of(second)
    assert [item.node for item in told[-1].resolved] == ["b"]


async def test_looks_between_which_the_store_was_away_do_not_belong_together(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    looking = facts(node)
    seen.silent_s = {"b": 20.0}
    await down(looking)
    now[0] += LOOKS_S + 1
    assert await down(looking) == []
    now[0] += DOWN_S
    assert await down(looking) == ["b"]


async def test_a_node_that_is_not_expected_any_more_is_not_told_and_not_told_to_be_back(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    looking = facts(node)
    seen.silent_s = {"b": EXPECTED_S + 1}
    await down(looking)
    now[0] += DOWN_S
    assert await down(looking) == []
    seen.silent_s = {}
    assert not looking.is_over("node_down", AlertItem(node="b"))


async def test_what_a_node_has_noted_outlives_it_and_is_read_by_the_one_that_watches(
    node: AttendedEngine, seen: Seen
) -> None:
    catalog = node.parts.catalog
    first = Conditions(catalog, "b")
    first.note("storage_low", Condition(0, LOW))
    first.note("storage_low", Condition(0, AlertItem(free_bytes=1)))  # as bad as before
    await first.write()
    seen.silent_s = {"b": None}
    looking = facts(node)
    ((event, fact),) = await looking.look(OF_NODES)
    assert (event, fact.subject, fact.item) == ("storage_low", "b", LOW)
    assert await looking.look({"archive_failed"}) == []
    again = Conditions(catalog, "b")
    await again.write()  # nothing was looked at yet
    assert len(await looking.look(OF_NODES)) == 1
    again.note("storage_low", None)
    await again.write()
    assert await looking.look(OF_NODES) == []
    assert looking.is_over("storage_low", LOW)


async def test_a_round_of_retention_notes_whether_the_archive_takes_what_goes(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[int | OperatorError] = [3, OperatorError("no room", code="archive_failed"), 3, 0]

    async def purge(**_given: object) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OperatorError):
            raise answer
        return answer

    monkeypatch.setattr(node.engine.history, "purge", purge)
    keeper = housekeeper(node)
    await keeper._retention()
    await keeper._conditions.write()
    noted = await keeper._conditions.of("")
    assert noted == {"archive_failed": Condition(0, AlertItem(why="no room"))}
    await keeper._retention()
    await keeper._conditions.write()
    assert await keeper._conditions.of("") == {}
    assert answers == []


@pytest.mark.parametrize(
    ("event", "item", "firing", "resolved"),
    [
        (
            "node_down",
            AlertItem(node="n2", since="2026-11-30T11:41:51Z"),
            "the node n2 is down: its last sign of life was at 2026-11-30T11:41:51Z",
            "the node n2 is back",
        ),
        (
            "storage_low",
            LOW,
            "the disk has 50 MiB left, its reserve is 100 MiB: calls are refused",
            "the disk has room again",
        ),
        (
            "storage_low",
            AlertItem(node="n2", free_bytes=1843 * MIB, reserve_bytes=1024 * MIB),
            "the disk of the node n2 has 1.8 GiB left, and its reserve of 1.0 GiB is near",
            "the disk of the node n2 has room again",
        ),
        (
            "archive_failed",
            AlertItem(node="n2", why="its disk is nearly full"),
            "nothing that is to be archived is purged by the node n2: its disk is nearly full",
            "the archive of the node n2 is written to again",
        ),
    ],
)
def test_what_is_told_of_nodes_is_one_sentence(
    event: Event, item: AlertItem, firing: str, resolved: str
) -> None:
    writer = Writer("https://console.example.com/", SystemClock())
    alert = writer.alert(("shop", "rule", event), [item])
    over = writer.alert(("shop", "rule", event), [item], resolved=True)
    assert (alert.data.title, over.data.title) == (firing, f"Resolved: {resolved}")
    page = "workers" if event == "node_down" else "storage"
    assert alert.data.url == f"https://console.example.com/{page}"
    two = [item, item]
    several = writer.alert(("shop", "rule", event), two)
    assert (several.data.lines, "2" in several.data.title) == ([firing, firing], True)
    assert "2" in writer.alert(("shop", "rule", event), two, resolved=True).data.title


def test_a_rule_of_nodes_names_no_integrations_and_all_have_a_rule_by_default() -> None:
    rule = {"event": "node_down", "integrations": ["Orders"]}
    result = check_alerts_document({"channels": {}, "rules": {"nodes": rule}})
    assert [(fault.pointer, fault.code) for fault in result.faults] == [
        ("/rules/nodes/integrations", "not_allowed")
    ]
    assert {rule.event for rule in DEFAULT_RULES.values()} >= OF_NODES
