"""All metrics of the node, in the form that whoever asks prefers: Prometheus' text, or OpenMetrics.

What the store says is left out while it does not answer, and ``firesteel_store_available`` is 0:
the rest is wanted most just then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from firesteel.admin.metrics.node import read_disk, read_node, read_store
from firesteel.admin.metrics.readings import Readings
from firesteel.admin.metrics.triggers import add_counted, counted_by, read_standing
from firesteel.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.engine.engine import Engine

PATIENCE_S: Final = 3.0
"""As long as a scrape waits for the store: Prometheus' own patience is 10 s."""

_STORE = ("store_unavailable", "store_unsafe")

log = structlog.get_logger(__name__)


async def exposition(engine: Engine, accept: str) -> tuple[str, bytes]:
    """Content type and body, as the Accept header of the scrape asks for."""
    readings = Readings()
    read_node(engine, readings)
    counted = await counted_by(engine)
    await read_disk(engine, readings)
    answers = await _read_of_store(engine, readings)
    readings.add("store_available", answers and engine.refusal not in _STORE)
    encode: Callable[[CollectorRegistry], bytes]
    encode, content_type = choose_encoder(accept)

    def write() -> bytes:
        add_counted(readings, counted)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(readings)
        ProcessCollector(registry=registry)
        return encode(registry)

    # Many integrations make megabytes: not on the loop that takes calls (P27).
    return content_type, await asyncio.to_thread(write)


async def _read_of_store(engine: Engine, readings: Readings) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await read_standing(engine, readings)
            await read_store(engine, readings)
    except (StoreUnavailable, TimeoutError) as error:
        log.debug("store_not_scraped", error=type(error).__name__)
        return False
    return True
