"""What nodes have said of how they purge: seen by all, for a day."""

from __future__ import annotations

from firesteel.store.postgresql.store import PostgresqlStore
from firesteel.store.purging import NOTED_AS, NOTED_FOR_S, Purging
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
