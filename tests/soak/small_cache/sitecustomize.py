"""Not a defect: SQLite's pages fill a cache of 2 MiB, which is full after some 3,000 calls. One of
32 MiB is still growing when a short soak ends."""

from __future__ import annotations

from firesteel.store.sqlite import connection

connection._WRITER_CACHE_KIB = 2 * 1024
