"""What nodes have said of how they purge: seen by all, for a day."""

from __future__ import annotations

from firesteel.store.nodes import CONDITION_AS, CONDITION_KEPT_S
from firesteel.store.postgresql.store import PostgresqlStore
from firesteel.store.purging import NOTED_AS, NOTED_FOR_S, TURN, Purging
from firesteel.store.sql.database import Connection

PLAIN = Purging(30, archive=False, archive_dir="")
ARCHIVES = Purging(90, archive=True, archive_dir="/srv/archive")
Nodes = tuple[PostgresqlStore, PostgresqlStore]

OLDER = """
UPDATE setting SET value = (split_part(value, ' ', 1)::BIGINT - ?::BIGINT * 1000000)
    || ' ' || split_part(value, ' ', 2) WHERE name = ?::TEXT
"""


async def said_earlier(store: PostgresqlStore, node: str, seconds: int) -> None:
    def work(connection: Connection) -> None:
        connection.execute(OLDER, (seconds, f"{NOTED_AS}{node}"))

    await store.history._database.write(work)


async def test_each_node_sees_what_each_said_last(nodes: Nodes) -> None:
    a, b = nodes
    await a.nodes.note(ARCHIVES)
    await b.nodes.note(ARCHIVES)
    await b.nodes.note(PLAIN)
    for store in nodes:
        assert await store.nodes.noted() == {"a": ARCHIVES, "b": PLAIN}


async def test_what_was_said_counts_for_a_day_also_where_the_node_has_ended(nodes: Nodes) -> None:
    a, b = nodes
    await a.nodes.note(ARCHIVES)
    await a.close()
    assert await b.nodes.noted() == {"a": ARCHIVES}
    await said_earlier(b, "a", NOTED_FOR_S - 60)
    assert await b.nodes.noted() == {"a": ARCHIVES}
    await said_earlier(b, "a", 61)
    assert await b.nodes.noted() == {}
    await b.nodes.note(PLAIN)
    assert await b.catalog.setting(f"{NOTED_AS}a") is None


async def test_the_last_turn_of_any_node_is_known_to_all(nodes: Nodes, store_url: str) -> None:
    a, b = nodes
    assert await a.nodes.turn_ago_s() == 0
    await a.nodes.note(PLAIN)  # from then on
    await turn_earlier(a, 100)
    await b.nodes.note(ARCHIVES)
    assert 100 <= await b.nodes.turn_ago_s() < 200
    await b.nodes.had_turn()
    assert 0 <= await a.nodes.turn_ago_s() < 60


async def turn_earlier(store: PostgresqlStore, seconds: int) -> None:
    value = await store.catalog.setting(TURN)
    await store.catalog.put_setting(TURN, str(int(value or 0) - seconds * 1_000_000))


async def test_what_was_wrong_with_a_node_that_is_gone_is_forgotten_a_day_later(
    nodes: Nodes,
) -> None:
    a, b = nodes
    settings = {f"{CONDITION_AS}storage_low_{node}": node for node in ("a", "b", "z")}
    for setting, node in settings.items():
        await a.catalog.put_setting(setting, node)
    await b.close()
    await a.nodes.note(PLAIN)
    assert [await a.catalog.setting(setting) for setting in settings] == ["a", "b", None]

    def ended_earlier(connection: Connection) -> None:
        connection.execute(ENDED_EARLIER, (CONDITION_KEPT_S + 1,))

    await a.history._database.write(ended_earlier)
    await a.nodes.note(PLAIN)
    assert [await a.catalog.setting(setting) for setting in settings] == ["a", None, None]


ENDED_EARLIER = """
UPDATE session SET ended_at_us = ended_at_us - ?::BIGINT * 1000000 WHERE node = 'b'
"""
