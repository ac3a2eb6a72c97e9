"""Sends alerts, by workers: each channel's in their order, one at a time, again and again until
they are taken or a day has passed. On one node of all.

An alert is recorded as sent after it was: a node that ends between the two lets it be sent again,
with the same id (at least once).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import structlog

from firesteel.errors import CallerError, FiresteelError
from firesteel.model.alerts import parse_alerts, section_json
from firesteel.model.connection import resolved

if TYPE_CHECKING:
    from firesteel.engine.parts import Parts
    from firesteel.model.alerts import Channel
    from firesteel.model.execution import Failure
    from firesteel.store.alerts import Delivery

AT_ONCE: Final = 16
POLL_S: Final = 1.0
FIRST_DELAY_S: Final = 10.0
FACTOR: Final = 3.0
MAX_DELAY_S: Final = 3600.0
GIVEN_UP_S: Final = 86_400.0
NO_WORKER_S: Final = 5.0

log = structlog.get_logger(__name__)


class Deliverer:
    """``round`` is called every second or so; while something is on its way, it goes on."""

    def __init__(self, parts: Parts) -> None:
        self._alerts = parts.alerts
        self._jobs = parts.jobs
        self._clock = parts.clock
        self._settings = parts.settings
        self._lookup = parts.connections.lookup
        self._questions = parts.questions

    async def round(self) -> None:
        """Send what is due. Raises StoreUnavailable; safe to repeat."""
        async with self._jobs.only_here("alert deliveries") as mine:
            if mine:
                await self._send_due()

    async def send(self, workspace: str, channel: Channel, content: str) -> Failure | None:
        """Send one alert now; None where it was taken. Raises FiresteelError where nothing could
        be tried."""
        document = resolved(section_json(channel), await self._lookup(workspace))
        return await self._questions.deliver(
            json.dumps(document).encode(), content.encode(), list(self._settings.outgoing_allow)
        )

    async def _send_due(self) -> None:
        running: dict[tuple[str, str], asyncio.Task[None]] = {}
        try:
            while True:
                for item in await self._alerts.due(AT_ONCE):
                    key = (item.workspace, item.channel)
                    if key not in running and len(running) < AT_ONCE:
                        running[key] = asyncio.create_task(self._deliver(item))
                if not running:
                    return
                await asyncio.wait(
                    running.values(), timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED
                )
                for key in [key for key, task in running.items() if task.done()]:
                    running.pop(key).result()
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _deliver(self, item: Delivery) -> None:
        error, again_in_s = "", min(FIRST_DELAY_S * FACTOR**item.attempts, MAX_DELAY_S)
        try:
            failure = await self._attempt(item)
            error = "" if failure is None else f"{failure.code}: {failure.detail}"
        except FiresteelError as raised:
            error = f"{raised.code}: {raised.detail}"
            if raised.code == "workers_unavailable":
                again_in_s = NO_WORKER_S
        if not error:
            await self._alerts.attempted(item.no, state="sent")
            return
        given_up = self._clock.now_us() - item.made_at_us > GIVEN_UP_S * 1e6
        log.warning(
            "alert_not_sent",
            workspace=item.workspace,
            channel=item.channel,
            code=error.partition(":")[0],
            attempt=item.attempts + 1,
            given_up=given_up,
        )
        await self._alerts.attempted(
            item.no, state="failed" if given_up else "waiting", error=error, again_in_s=again_in_s
        )

    async def _attempt(self, item: Delivery) -> Failure | None:
        stored = await self._alerts.find(item.workspace)
        settings = parse_alerts({} if stored is None else stored.document)
        channel = settings.channels.get(item.channel)
        if channel is None:
            raise CallerError("there is no such channel any more", code="unknown_channel")
        return await self.send(item.workspace, channel, item.content)
