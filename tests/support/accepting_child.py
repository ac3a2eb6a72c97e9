"""A process that accepts and settles as fast as it can, and prints what was acknowledged.

Started by tests that kill it, or let its disk fail: ``python -m tests.support.accepting_child
STORE [LIMIT_BYTES]``. Prints ``accepted SEQUENCE`` and ``settled SEQUENCE`` after the commit;
with a limit its files cannot grow past it, and it prints how its calls ended.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from firesteel.errors import FiresteelError
from firesteel.store.journal import Accepted
from firesteel.store.sqlite.store import open_store
from tests.support.hand import Hand


def say(*words: object) -> None:
    """A line for the test, which reads it at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def accept(hand: Hand, trigger_no: int) -> None:
    """Accept, over and over, in four lanes."""
    count = 0
    while True:
        count += 1
        lane = f"lane {count % 4}"
        new = hand.new(trigger_no, lane, body=lane.encode())
        appended = await hand.journal.append(new)
        assert isinstance(appended, Accepted)
        say("accepted", appended.sequence)


async def settle(hand: Hand) -> None:
    """Settle every claim."""
    while True:
        (claim,) = await hand.taken()
        await hand.settle(claim)
        say("settled", claim.message.sequence)


async def fail(hand: Hand, trigger_no: int) -> None:
    """Accept until a call fails, then once more; print how."""
    ended: list[str] = []
    while len(ended) < 2:
        try:
            await hand.journal.append(hand.new(trigger_no, body=bytes(100_000)))
        except FiresteelError as error:
            ended.append(error.code)
    say(*ended, len(hand.lost))


async def main() -> None:
    """See the module's text."""
    store = await open_store(Path(sys.argv[1]))
    hand = Hand(store.journal, store.catalog)
    trigger_no = await hand.trigger()
    if len(sys.argv) > 2:
        limit_bytes = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
        await fail(hand, trigger_no)
    else:
        await asyncio.gather(accept(hand, trigger_no), settle(hand))


if __name__ == "__main__":
    asyncio.run(main())
