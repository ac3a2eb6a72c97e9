"""Which processors the threads of an engine run on, where the machine has two (Linux).

Python's lock lets the event loop and the store's writer run by turns only. Where each turn goes to
the other processor, that one has to be woken and its caches filled anew; on two processors, which
the workers and whatever calls want too, that costs more than what the writer does beside the loop:
so both keep to one (docs/decisions/0071). With one there is no choice, with more there is room.
"""

from __future__ import annotations

import os
from typing import Final

_ALL: Final[set[int]] = set()


def keep_to_one() -> None:
    """Let this thread, and those that it starts from now on, run on one of the two processors;
    which one, differs from process to process."""
    if not hasattr(os, "sched_setaffinity"):
        return
    processors = os.sched_getaffinity(0)
    if len(processors) == 2:
        _ALL.update(processors)
        os.sched_setaffinity(0, {sorted(processors)[os.getpid() % 2]})


def roam() -> None:
    """Let this thread run on all of them again: it works beside the loop, for long or without
    Python's lock. To be called in the thread; safe to repeat."""
    if _ALL:
        os.sched_setaffinity(0, _ALL)
