"""Runs wrk, the load generator (one thread on the same machine), and reads its result."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

KEY = "bench-key-0123456789abcdef"
KIB = 1024
SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True)
class Load:
    """One run: answers a second, latencies, and answers that were no 2xx or 3xx."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    bad: int


def require_wrk() -> None:
    """Install wrk where Debian offers it to root; otherwise say what is missing."""
    if shutil.which("wrk"):
        return
    if platform.system() == "Linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=True)
        return
    raise SystemExit("bench: wrk is needed; install it (apt-get install wrk, brew install wrk)")


@dataclass(frozen=True)
class Bodies:
    """What is sent. ``lanes``: how many ordering keys there are, 0: one; ``hot``: every second
    body has the first key."""

    size_bytes: int = KIB
    lanes: int = 0
    hot: bool = False


SMALL = Bodies()


def post_one(url: str) -> None:
    """POST once."""
    head = {"x-api-key": KEY, "content-type": "application/json"}
    request = urllib.request.Request(url, data=b'{"customer_no": 1}', headers=head)
    with urllib.request.urlopen(request, timeout=60):
        pass


def post(url: str, *, connections: int, seconds: int, bodies: Bodies = SMALL) -> Load:
    """POST JSON for so many seconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    chosen = {
        "BENCH_LANES": bodies.lanes,
        "BENCH_HOT": int(bodies.hot),
        "BENCH_BYTES": bodies.size_bytes,
    }
    done = subprocess.run(
        [*command, "-s", str(SCRIPT), url],
        env={**os.environ, **{name: str(value) for name, value in chosen.items()}},
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    result = json.loads(line.removeprefix("RESULT "))
    return Load(
        requests=result["requests"],
        rate=result["requests"] / (result["duration_us"] / 1e6),
        p50_ms=result["p50_us"] / 1000,
        p99_ms=result["p99_us"] / 1000,
        bad=result["bad"],
    )
