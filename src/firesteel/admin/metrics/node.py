"""The metrics of the node as a whole: its ports, workers, store and disk."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from firesteel.admin.metrics.readings import COMMITS, SIZES, Readings
from firesteel.engine.expiring import expiring
from firesteel.release import release
from firesteel.telemetry.meter import STATUS_CLASSES

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine

_EXPIRY = ("expires_soon", "expired")


def read_node(engine: Engine, readings: Readings) -> None:
    """What needs no store."""
    readings.add_info(
        "build",
        {"version": release(), "role": engine.settings.role, "node": engine.name},
    )
    readings.add("accepting", engine.accepting)
    if engine.refusal is not None:
        readings.add("refusing", 1, engine.refusal)
    readings.add("paused", engine.pausing.now is not None)
    readings.add("archive_failing", bool(engine.archive.fault))
    readings.add("waiting_callers", engine.waiting_callers)
    _read_ports(engine, readings)
    _read_workers(engine, readings)
    commits = engine.journal.meter
    readings.add_distribution("commit_seconds", commits.took_us, COMMITS, per_unit=1e6)
    readings.add_distribution("commit_size", commits.sizes, SIZES)
    readings.add("commits_failed", commits.failed)
    readings.add("unwritten", engine.journal.unwritten())
    readings.add("taken_over", engine.meter.taken_over)


def _read_ports(engine: Engine, readings: Readings) -> None:
    for number, status in enumerate(STATUS_CLASSES, 1):
        if number > 1:
            readings.add("other_calls", engine.meter.elsewhere[number], status)
    for port in engine.meter.ports():
        readings.add("connections", port.connections, port.name)
        readings.add("connections_turned_away", port.turned_away, port.name)
        for reason, count in sorted(port.refused.items()):
            readings.add("requests_refused", count, port.name, reason)
    for where, held_bytes in engine.meter.held_bodies().items():
        readings.add("held_body_bytes", held_bytes, where)


def _read_workers(engine: Engine, readings: Readings) -> None:
    workers = engine.workers()
    pool = engine.pool_figures()
    readings.add("workers", sum(1 for worker in workers if worker["ready"]))
    readings.add("workers_busy", sum(1 for worker in workers if worker["running"]))
    readings.add("worker_attempts", sum(int(worker["running"]) for worker in workers))
    readings.add("worker_slots", pool.slots)
    readings.add("attempts_queued", pool.queued)
    readings.add("workers_joined", pool.joined)
    readings.add("workers_lost", pool.lost)
    resident = [_resident_bytes(int(worker["pid"])) for worker in workers]
    if None not in resident:
        readings.add("worker_memory_bytes", sum(filter(None, resident)))


def _resident_bytes(pid: int) -> int | None:
    """Of a process, by Linux's /proc; None where that says nothing. A process that has just ended
    takes none."""
    if not Path("/proc/self/statm").exists():
        return None
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def read_store(engine: Engine, readings: Readings) -> None:
    """What the store and its disk say. Raises StoreUnavailable."""
    settings = engine.settings
    readings.add("store_bytes", await engine.history.size_bytes())
    readings.add("store_reusable_bytes", await engine.history.reusable_bytes())
    keys = await engine.catalog.keys()
    over = [ended for _, ended in expiring(keys, engine.now_us(), settings.key_warning_days)]
    for expiry, ended in zip(_EXPIRY, (False, True), strict=True):
        readings.add("api_keys", over.count(ended), expiry)
    roles = Counter(node.role for node in await engine.nodes())
    for role, count in sorted(roles.items()):
        readings.add("nodes", count, role)


async def read_disk(engine: Engine, readings: Readings) -> None:
    """The disk of a store that is a file."""
    settings = engine.settings
    if settings.store_path is None:
        return
    disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    readings.add("disk_bytes", disk.total)
    readings.add("disk_free_bytes", disk.free)
    readings.add("disk_reserve_bytes", min(settings.disk_reserve_bytes, disk.total // 20))
