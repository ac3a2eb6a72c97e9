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
from bench.servers import Node, bare_server
from bench.table import Row, print_table

SECONDS = 5


def main() -> int:
    """Measure what the command line asks for."""
    options = _options()
    require_wrk()
    with tempfile.TemporaryDirectory(prefix="firesteel-bench-") as name:
        print_table(_measured(Path(name), options.seconds, short=options.short, part=options.part))
    return 0


def _measured(folder: Path, seconds: int, *, short: bool, part: str) -> list[Row]:
    if part == "postgresql":
        bare = bare_server()
        try:
            return several_nodes.measure(folder, bare, seconds, short=short)
        finally:
            bare.stop()
    Node.start(folder / "first").server.stop()  # makes files and caches: not what is measured
    bare, node = bare_server(), Node.start(folder / "first")
    rows = [Row("`firesteel serve` ready", f"{node.ready_s:.2f} s", wanted="2 s")]
    try:
        try:
            rows += calls.measure(bare, node, seconds)
            rows += crowds.waiting_callers(bare, node, seconds)
        finally:
            node.server.stop()
        rows += lanes.measure(folder)
        rows += several_nodes.measure(folder, bare, seconds, short=short)
        if not short:
            rows += crowds.million_waiting(folder)
            rows += crowds.eight_hours(folder, bare, seconds)
    finally:
        bare.stop()
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one run of wrk")
    parser.add_argument(
        "--part", choices=["all", "postgresql"], default="all", help="what to measure"
    )
    parser.add_argument("--short", action="store_true", help="leave out the millions of messages")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
