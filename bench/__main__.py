"""``make bench``: measures a node beside a bare server in the same run and prints one table.

Everything runs on one machine: wrk (one thread), the server, its workers. Rates are compared as
ratios of runs that alternate, since such machines are noisy; medians of three.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import calls, crowds, lanes, several_nodes
from bench.load import require_wrk
from bench.servers import Node, Server, bare_server
from bench.table import Row, print_table

SECONDS = 5
PARTS = ("calls", "lanes", "postgresql", "many")


def main() -> int:
    """Measure what the command line asks for."""
    options = _options()
    require_wrk()
    with tempfile.TemporaryDirectory(prefix="firesteel-bench-") as name:
        print_table(_measured(Path(name), options.seconds, short=options.short, part=options.part))
    return 0


def _measured(folder: Path, seconds: int, *, short: bool, part: str) -> list[Row]:
    bare = bare_server()
    try:
        rows: list[Row] = []
        if part in ("all", "calls"):
            rows += _calls(folder, bare, seconds)
        if part in ("all", "lanes"):
            rows += lanes.measure(folder)
        if part in ("all", "postgresql"):
            rows += several_nodes.measure(folder, bare, seconds, short=short)
        if part in ("all", "many") and not short:
            rows += crowds.million_waiting(folder)
            rows += crowds.eight_hours(folder, bare, seconds)
        return rows
    finally:
        bare.stop()


def _calls(folder: Path, bare: Server, seconds: int) -> list[Row]:
    first = Node.start(folder / "first")
    first.server.stop()  # it made files and caches, which is not what is measured below
    node = Node.start(folder / "first")
    try:
        return [
            Row("`firesteel serve` ready, an empty data directory", f"{first.ready_s:.2f} s"),
            Row("`firesteel serve` ready", f"{node.ready_s:.2f} s", wanted="2 s"),
            *calls.measure(bare, node, seconds),
            *crowds.waiting_callers(bare, node, seconds),
        ]
    finally:
        node.server.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one run of wrk")
    parser.add_argument("--part", choices=["all", *PARTS], default="all", help="what to measure")
    parser.add_argument("--short", action="store_true", help="leave out the millions of messages")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
