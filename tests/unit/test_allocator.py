"""Memory of large bodies goes back to the system when they are freed, small ones between them or
not."""

from __future__ import annotations

import subprocess
import sys

import pytest

BODIES = """
import sys
from pathlib import Path
from firesteel.allocator import give_back_what_is_freed

def resident_mib():
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) // 1024

if sys.argv[1] == "given back":
    give_back_what_is_freed()
before = resident_mib()
bytes(8_000_000)  # the first that is freed
kept = []
for _ in range(5):
    bodies = []
    for _ in range(20):
        bodies.append(b"x" * 1_500_000)
        kept.append(b"y" * 4_000)  # small, and between them
    del bodies
print(resident_mib() - before)
"""


def growth_mib(how: str) -> int:
    """Of a process that had bodies of 150 MB, 30 MB of them at a time."""
    done = subprocess.run(
        [sys.executable, "-c", BODIES, how], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the setting is glibc's")
def test_what_large_bodies_took_is_given_back() -> None:
    assert growth_mib("given back") < 5
