"""The work of the benchmarks: none, so that what is measured is Firesteel."""

from firesteel import workflow


@workflow
async def empty(input):
    return None
