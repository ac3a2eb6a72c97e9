"""Which nodes are down: their leases have lapsed, and they did not stop in order."""

from __future__ import annotations

import json

import psycopg
import pytest

from firesteel.errors import StoreUnavailable
from firesteel.store.postgresql.store import PostgresqlStore
from tests.contract.nodes.conftest import OpenNode, until

Nodes = tuple[PostgresqlStore, PostgresqlStore]
US = 1_000_000


def run(url: str, statement: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())


def lapse(url: str, node: str) -> None:
    """As if it had not been heard of for a minute."""
    run(
        url, f"UPDATE session SET lease_until_us = lease_until_us - {60 * US} WHERE node = '{node}'"
    )


async def down(store: PostgresqlStore) -> dict[str, bool]:
    return {one.name: one.silent_s is not None for one in await store.nodes.seen()}


async def test_a_node_is_seen_until_it_stops_in_order(open_node: OpenNode) -> None:
    a, b = await open_node("a"), await open_node("b")
    assert await down(a) == {"a": False, "b": False}
    await b.close()
    assert await down(a) == {"a": False}


async def test_a_node_whose_lease_has_lapsed_is_down_until_it_is_back(
    open_node: OpenNode, store_url: str
) -> None:
    a, _ = await open_node("a"), await open_node("b")
    lapse(store_url, "b")
    _, silent = await a.nodes.seen()
    assert silent.silent_s is not None
    assert 60 <= silent.silent_s < 120
    # What another node does that has found it lapsed.
    run(store_url, "UPDATE session SET ended_at_us = lease_until_us + 1 WHERE node = 'b'")
    assert [one.name for one in await a.nodes.living()] == ["a"]
    assert await down(a) == {"a": False, "b": True}
    await open_node("b")
    assert await down(a) == {"a": False, "b": False}


async def test_a_node_that_stops_in_order_after_its_lease_has_lapsed_is_not_down(
    open_node: OpenNode, store_url: str
) -> None:
    a, b = await open_node("a"), await open_node("b")
    lapse(store_url, "b")
    await b.close()
    assert await down(a) == {"a": False}


@pytest.mark.parametrize("knows", [True, False])
async def test_so_is_one_that_stops_in_order_after_another_has_ended_its_session(
    open_node: OpenNode, store_url: str, *, knows: bool
) -> None:
    """Whether or not it has come to know of that."""
    a, b = await open_node("a"), await open_node("b")
    lapse(store_url, "b")
    run(store_url, "UPDATE session SET ended_at_us = lease_until_us + 1 WHERE node = 'b'")
    assert await down(a) == {"a": False, "b": True}
    if knows:
        with pytest.raises(StoreUnavailable):
            await b.journal.renew()
        await until(lambda: b.journal.lost)
    await b.close()
    assert await down(a) == {"a": False}


async def test_p32_leases_hold_by_the_steady_clock_where_the_databases_clock_has_jumped(
    nodes: Nodes, store_url: str
) -> None:
    """An hour ahead: leases end an hour before the database's clock, and the shift says so."""
    a, _ = nodes
    shift = json.dumps({"shift_us": -3600 * US})
    run(store_url, f"UPDATE session SET lease_until_us = lease_until_us - {3600 * US}")
    run(store_url, f"UPDATE setting SET value = '{shift}' WHERE name = 'steady_clock'")
    assert await down(a) == {"a": False, "b": False}
    assert all(one.lease_s > 0 for one in await a.nodes.living())
