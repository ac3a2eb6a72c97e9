"""Not a defect: what a node fills in the first hours of its life is full within minutes. SQLite's
pages have a cache of 2 MiB, and the garbage collector runs after 2,000 new objects."""

from __future__ import annotations

import gc

from firesteel.store.sqlite import connection

_set_threshold = gc.set_threshold


def _sooner(first: int, *others: int) -> None:
    _set_threshold(first // 10, *others)


connection._WRITER_CACHE_KIB = 2 * 1024
gc.set_threshold = _sooner
