"""Keys that expire are told once a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from firesteel.engine.expiring import DAY_US, expiring, warn_of_expiring
from firesteel.store.catalog import NewApiKey, OfConsumer
from tests.support.attended_engine import AttendedEngine, attended_engine


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        yield made


async def test_a_key_that_expires_soon_is_logged_once_a_day(node: AttendedEngine) -> None:
    engine = node.engine
    await engine.catalog.ensure_workspace("shop")
    acme = OfConsumer((await engine.catalog.add_consumer("shop", "ACME", "anna")).consumer_no)
    now_us = engine.now_us()
    for number, days in enumerate((-1, 3, 400)):
        key = NewApiKey(str(number), b"%d" % number * 32, "fsk_", b"s", now_us + days * DAY_US)
        await engine.catalog.add_key(acme, key, "anna")
    with structlog.testing.capture_logs() as logs:
        await warn_of_expiring(engine)
        await warn_of_expiring(engine)
    told = [(entry["event"], entry["consumer"], entry["label"]) for entry in logs]
    assert told == [("api_key_expired", "ACME", "0"), ("api_key_expires_soon", "ACME", "1")]
    found = expiring(await engine.catalog.keys(), now_us, 14)
    assert [(key.label, over) for key, over in found] == [("0", True), ("1", False)]
