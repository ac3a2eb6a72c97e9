"""``make fuzz``: every target for a bounded time, guided by the branches that the code has taken.

Each target runs in a process of its own (``tests.fuzz.guided``), since libFuzzer ends its process.
What it found interesting is kept in ``build/fuzz`` and is where the next run begins; bytes that
break a parser are written there as ``crash-...``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS

FOUND = Path("build/fuzz")


def main() -> int:
    """0 where nothing was found; 1 where something was, or atheris is not there."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument(
        "targets", nargs="*", choices=[*TARGETS, []], help="all where none is named"
    )
    given = parser.parse_args()
    if find_spec("atheris") is None:
        print("atheris has no wheel for this machine; tests/property/test_parsers.py runs anywhere")
        return 1
    failed = [name for name in given.targets or TARGETS if fuzzed(name, given.seconds)]
    print(f"{len(failed)} targets failed" + "".join(f"\n  {name}" for name in failed))
    return 1 if failed else 0


def fuzzed(name: str, seconds: int) -> bool:
    """Run one target and tell how it went; whether something was found."""
    folder = FOUND / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", name, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    lines = done.stdout.splitlines()
    runs = next((line for line in reversed(lines) if line.startswith("Done ")), "broken off")
    print(f"{name}: {runs}", flush=True)
    if done.returncode:
        print("\n".join(lines[-40:]), flush=True)
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
