"""Two steps, each of which tells the witness when it begins and when it ends."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from firesteel import Message, step, workflow
from firesteel.model.lease_clock import now_s


@workflow
async def two_steps(input: dict[str, Any], message: Message) -> dict[str, str]:
    """Answers with the value that was sent. In between it does what the body asks for: fail in
    its first attempts (``failures``), or end its process (``dies``)."""
    told = Told(input["body"], message)
    await first(told)
    if message.attempt <= input["body"].get("failures", 0):
        raise ValueError("not yet")
    if input["body"].get("dies"):
        os._exit(1)
    await second(told)
    return {"value": told.value}


class Told:
    """What the witness is told of a message."""

    def __init__(self, body: dict[str, Any], message: Message) -> None:
        self.value: str = body["value"]
        self._known = {
            "value": self.value,
            "trigger": message.path.rpartition("/")[2],
            "lane": body["lane"],
            "message_id": message.id,
            "sequence": message.sequence,
            "attempt": message.attempt,
            "pid": os.getpid(),
        }

    async def tell(self, step: int) -> None:
        """Begin and end of a step; each is written down before this goes on."""
        at_s = now_s()
        host = os.environ.get("WITNESS_HOST", "127.0.0.1")
        reader, writer = await asyncio.open_connection(host, int(os.environ["WITNESS_PORT"]))
        try:
            for phase in ("begin", "end"):
                effect = {**self._known, "step": step, "phase": phase, "at_s": at_s}
                writer.write(json.dumps(effect).encode() + b"\n")
                if not await reader.readline():
                    raise ConnectionError("the witness has gone")
                at_s = now_s()
        finally:
            writer.close()


@step
async def first(told: Told) -> None:
    """The first effect."""
    await told.tell(1)


@step
async def second(told: Told) -> None:
    """The second effect."""
    await told.tell(2)
