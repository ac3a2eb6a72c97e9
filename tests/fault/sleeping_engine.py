"""A session on a store that falls asleep with claims in its hands and acts when it is woken.

Started by the tests of fencing: ``python -m tests.fault.sleeping_engine STORE``. It accepts in one
lane and beside it, takes what it is given, prints ``asleep`` and waits for a line. Then it tries
everything that a session may do, and prints a JSON document: by name, whether that counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from firesteel.errors import FiresteelError
from firesteel.store.sqlite.store import open_store
from tests.support.hand import Hand, step

LANE = "lane"
CLAIMS = 4


def say(text: str) -> None:
    """A line for the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def counts(act: Awaitable[Any]) -> bool:
    """Whether the store took it."""
    try:
        return bool(await act)
    except FiresteelError:
        return False


async def main() -> None:
    """See the module's text."""
    store = await open_store(Path(sys.argv[1]))
    hand = Hand(store.journal, store.catalog)
    trigger_no = await hand.trigger()
    await hand.journal.recover()
    for lane in (LANE, LANE, None, None, None):
        await hand.accept(trigger_no, lane)
    settled, postponed, recorded, _ = await hand.taken(CLAIMS)
    say("asleep")
    await asyncio.to_thread(sys.stdin.readline)
    tried = {
        "settled": await counts(hand.settle(settled)),
        "postponed": await counts(hand.postpone(postponed)),
        "recorded": await counts(
            hand.journal.record(recorded.execution_no, recorded.epoch, step())
        ),
        "accepted": await counts(hand.accept(trigger_no, LANE)),
        "renewed": await counts(hand.journal.renew()),
        "claimed": bool(hand.claims),
    }
    say(json.dumps(tried))


if __name__ == "__main__":
    asyncio.run(main())
