"""Jobs: one node at a time does each, and a node that goes gives its own back."""

from __future__ import annotations

import asyncio

from firesteel.store.postgresql.store import PostgresqlStore
from tests.contract.nodes.conftest import OpenNode
from tests.support.postgres import Postgres

Nodes = tuple[PostgresqlStore, PostgresqlStore]


async def test_a_job_is_done_on_one_node_at_a_time(nodes: Nodes) -> None:
    a, b = nodes
    async with a.jobs.only_here("retention") as mine:
        assert mine
        async with b.jobs.only_here("retention") as others, b.jobs.only_here("bulk") as another:
            assert (others, another) == (False, True)
        async with a.jobs.only_here("retention") as again:
            assert not again
        async with b.jobs.only_here("retention") as others:
            assert not others, "a task that did not get the job must not give it back"
    async with b.jobs.only_here("retention") as mine:
        assert mine


async def test_a_job_that_fails_or_is_cancelled_is_given_back(nodes: Nodes) -> None:
    a, b = nodes
    begun = asyncio.Event()

    async def work() -> None:
        async with a.jobs.only_here("retention"):
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.ensure_future(work())
    await begun.wait()
    working.cancel()
    await asyncio.wait((working,))
    async with b.jobs.only_here("retention") as mine:
        assert mine


async def test_a_node_that_ends_gives_its_jobs_back(open_node: OpenNode) -> None:
    a, b = await open_node("a"), await open_node("b")
    async with a.jobs.only_here("retention"):
        await a.close()
        async with b.jobs.only_here("retention") as mine:
            assert mine


async def test_jobs_are_left_out_while_the_database_is_gone_and_done_again_after_it(
    postgres: Postgres, nodes: Nodes
) -> None:
    a, b = nodes
    async with a.jobs.only_here("retention") as mine:
        assert mine
        postgres.kill()
        async with a.jobs.only_here("bulk") as other:
            assert not other
        postgres.start()
        async with b.jobs.only_here("bulk") as other:
            pass  # the first may only have found out that the connection is lost
        async with b.jobs.only_here("retention") as mine_now:
            assert mine_now
    async with a.jobs.only_here("bulk") as mine:
        assert mine
