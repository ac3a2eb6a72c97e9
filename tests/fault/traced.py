"""What strace saw of an engine: whether each answer 202 left after a flush of its own (P01).

Where the store is PostgreSQL its processes are traced too, into the same file: the flush is theirs,
of a file in ``pg_wal``.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

_CALLS = "trace=fsync,fdatasync,read,recvfrom,recvmsg,write,sendto,sendmsg,writev"
_FLUSH_BEGUN = re.compile(r"(?:fsync|fdatasync)\(\d+<[^>]*(?:-wal|/pg_wal/\w+)>")
_FLUSH_ENDED = re.compile(r"(?:fsync|fdatasync)(?:\(| resumed>).*\) += 0$")


@dataclass(frozen=True, slots=True)
class Acks:
    """Answers 202, and those of them without a flush of the log between request and answer."""

    seen: int
    unflushed: int


@contextlib.contextmanager
def traced(pids: Iterable[int], trace: Path) -> Iterator[None]:
    """The calls of processes and their threads are written to a file while the block runs."""
    whom = [word for pid in pids for word in ("-p", str(pid))]
    command = ["strace", "-f", "-y", "-s", "32", "-e", _CALLS, "-o", str(trace), *whom]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        assert strace.stderr is not None
        for _ in whom[::2]:
            strace.stderr.readline()  # says that it is attached
        try:
            yield
        finally:
            strace.terminate()


def acks_in(trace: str) -> Acks:
    """Of calls that came one after the other. A flush counts that began when the request was here
    and ended well, in one line or, where another thread came between, in two."""
    seen, unflushed, flushed = 0, 0, False
    flushing: set[str] = set()
    for line in trace.splitlines():
        thread, _, call = line.partition(" ")
        call = call.lstrip()
        if '"POST /' in call:
            flushed = False
            flushing.clear()
        elif _FLUSH_BEGUN.match(call):
            flushing.add(thread)
        if _FLUSH_ENDED.search(call) and thread in flushing:
            flushed = True
            flushing.discard(thread)
        elif '"HTTP/1.1 202' in call:
            seen += 1
            unflushed += not flushed
            flushed = False
    return Acks(seen, unflushed)
