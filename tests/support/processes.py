"""Processes of a node, seen from outside: who is whose child, and who is gone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.node import wait_until


def children(pid: int) -> set[int]:
    """The children of a process that run now."""
    lines = (line.split() for line in _listed("pid=,ppid=,stat="))
    return {int(child) for child, parent, state in lines if int(parent) == pid and state[0] != "Z"}


def engine_of(supervisor: int) -> int | None:
    """The engine that a supervisor has started, ready or not; None while there is none."""
    lines = (line.split(maxsplit=3) for line in _listed("pid=,ppid=,stat=,args="))
    found = (
        int(child)
        for child, parent, state, command in lines
        if int(parent) == supervisor and state[0] != "Z" and "firesteel.engine_process" in command
    )
    return next(found, None)


def running(pids: set[int]) -> set[int]:
    """Those that still run; one that only waits to be reaped does not. Where the first thread has
    ended and another is still in a call of the system (``Zl``), the process still runs."""
    lines = (line.split() for line in _listed("pid=,stat="))
    return {int(pid) for pid, state in lines if state[0] != "Z" or "l" in state} & pids


def wait_gone(pids: set[int]) -> None:
    """Until none of them runs."""
    wait_until(lambda: not running(pids))


def _listed(columns: str) -> list[str]:
    listed = subprocess.run(["ps", "-A", "-o", columns], check=True, capture_output=True, text=True)
    return listed.stdout.splitlines()


def peak_memory_bytes(pid: int) -> int:
    """The most that a process has had in memory; 0 where the system does not tell."""
    return _status_bytes(pid, "VmHWM:")


def memory_bytes(pid: int) -> int:
    """What a process has in memory now; 0 where the system does not tell."""
    return _status_bytes(pid, "VmRSS:")


def _status_bytes(pid: int, name: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith(name)]
    return int(found[0]) * 1024 if found else 0
