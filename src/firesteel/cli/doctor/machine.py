"""Checks of the machine: its clock, and what it lets the node have."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from firesteel.cli.doctor.finding import Case, Finding, ok, warning
from firesteel.setting_values import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEX_BYTES = 512
_NOT_SYNCHRONISED = 5  # TIME_ERROR, see adjtimex(2)
_BEHIND_US = 60_000_000
_WORKERS_PER_CORE = 2
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MIB = 1024**2


def clock(case: Case) -> Iterator[Finding]:
    """Set, by somebody who knows the time, and not set back; looked at after the store."""
    last_us = (case.store.last_start_us if case.store else None) or 0
    behind_us = last_us - time.time_ns() // 1000
    if behind_us > _BEHIND_US:
        says = f"is {behind_us // 1_000_000:,} s behind the store's last start: it was set back"
        yield warning(
            "clock", says, "set it; until then retention holds still and keys expire late"
        )
        return
    synchronised = _synchronised()
    if synchronised is False:
        says = "the system says that it is not synchronised"
        yield warning("clock", says, "run chrony or systemd-timesyncd")
    else:
        yield ok("clock", "is synchronised" if synchronised else "whether NTP sets it is not told")


def _synchronised() -> bool | None:
    """What the kernel says; None where it does not."""
    if sys.platform != "linux":
        return None
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: nothing is set
    try:
        state = ctypes.CDLL(None).adjtimex(timex)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _NOT_SYNCHRONISED


def files(case: Case) -> Iterator[Finding]:
    """Each connection is one open file."""
    from firesteel.gateway.open_files import RESERVED

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = case.settings.max_connections + RESERVED
    if hard != resource.RLIM_INFINITY and hard < needed:
        says = f"a process may have {hard:,} open; max_connections wants {needed:,}"
        remedy = f"LimitNOFILE={needed} in the unit, ulimit -n, or a lower max_connections"
        yield warning("open_files", says, remedy)
    else:
        yield ok("open_files", f"enough for {case.settings.max_connections:,} connections")


def memory(case: Case) -> Iterator[Finding]:
    """What workers may take, against what there is."""
    settings = case.settings
    there = _memory_bytes()
    wanted = settings.workers * settings.worker_memory_bytes + settings.bodies_in_flight_bytes
    if there is None:
        return
    says = f"workers and bodies may take {wanted // _MIB:,} MiB of {there // _MIB:,} MiB"
    if wanted > there:
        yield warning("memory", says, "lower workers, worker_memory or bodies_in_flight")
    else:
        yield ok("memory", says)


def _memory_bytes() -> int | None:
    """Of the machine, or of the container where that has less."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    try:
        text = _CGROUP_LIMIT.read_text("ascii").strip()
    except OSError:
        return machine
    return min(machine, int(text)) if text.isdigit() else machine


def workers(case: Case) -> Iterator[Finding]:
    """About one for each core: a worker runs many executions at once."""
    wanted, there = case.settings.workers, cores()
    says = f"{wanted} on {there} core{'' if there == 1 else 's'}"
    if wanted > _WORKERS_PER_CORE * there:
        yield warning("workers", says, "lower workers: more of them only take memory and turns")
    else:
        yield ok("workers", says)
