"""Warns of API keys that expire soon or have expired: once a day in the log, by one node of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from firesteel.model.api_key import expiry_day

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.engine.engine import Engine
    from firesteel.store.catalog import ApiKey

DAY_US = 86_400_000_000
TOLD_SETTING = "expiring_keys_told"

log = structlog.get_logger(__name__)


def expiring(keys: Iterable[ApiKey], now_us: int, warning_days: int) -> list[tuple[ApiKey, bool]]:
    """The current keys that expire within so many days, and whether they have expired."""
    return [
        (key, key.expires_at_us <= now_us)
        for key in keys
        if key.replaced_at_us is None
        and key.expires_at_us is not None
        and key.expires_at_us - now_us <= warning_days * DAY_US
    ]


async def warn_of_expiring(engine: Engine) -> None:
    """A line for each key, where none was written today (UTC). To be called on one node at a time;
    safe to repeat."""
    catalog, now_us = engine.catalog, engine.now_us()
    today = str(now_us // DAY_US)
    if await catalog.setting(TOLD_SETTING) == today:
        return
    triggers = {item.trigger_no: item for item in await catalog.integrations()}
    consumers = {item.consumer_no: item for item in await catalog.consumers()}
    days = engine.settings.key_warning_days
    for key, over in expiring(await catalog.keys(), now_us, days):
        trigger, consumer = triggers.get(key.trigger_no or 0), consumers.get(key.consumer_no or 0)
        owner = trigger or consumer
        if owner is None or key.expires_at_us is None:
            continue
        log.warning(
            "api_key_expired" if over else "api_key_expires_soon",
            workspace=owner.workspace,
            **{"consumer" if trigger is None else "integration": owner.name},
            label=key.label,
            expires=expiry_day(key.expires_at_us),
        )
    await catalog.put_setting(TOLD_SETTING, today)
