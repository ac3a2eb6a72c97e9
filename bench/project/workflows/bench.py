"""The work of the benchmarks: none, so that what is measured is Firesteel; or a wait, as for a
system that answers."""

import asyncio

from firesteel import step, workflow


@workflow
async def empty(input):
    return None


@step
async def wait(seconds):
    await asyncio.sleep(seconds)


@workflow
async def waits_5_ms(input):
    await wait(0.005)


@workflow
async def waits_200_ms(input):
    await wait(0.2)
