"""``make cluster-kills``: one node after the other of the demo cluster is killed while calls run.

The cluster is that of ``make demo-cluster``, with the project of the fault tests: each call carries
a value that no other has, and each step tells a witness. All calls go through the balancer, to
ordered and concurrent triggers and to one that answers with the workflow's response. What the
callers, the witness and the nodes say is judged by the checker of the fault tests in the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from scripts.demo_cluster import NODES, DemoCluster
from tests.fault.checker import Kind, Violation, check
from tests.fault.history import Ending, History
from tests.fault.loader import Loader
from tests.fault.nodes import Nodes
from tests.fault.service import copied_project
from tests.fault.witness import Witness

TRIGGERS = ("Ordered", "Concurrent", "Answered")
RATE_PER_S = 60.0
BEFORE, AFTER = 50, 200
PROGRESS_S = 120.0
REST_S = 120.0
PAUSE_S = 20.0
LOOK_EVERY_S = 0.2
STEPS = 2


def killed(demo: DemoCluster, nodes: Nodes, loader: Loader, name: str) -> list[Ending]:
    """Kill a node as the demo says, and see calls go on; what the nodes said of messages before."""
    known = loader.recorder
    known.wait_for(known.acknowledged + BEFORE, PROGRESS_S)
    endings = nodes.recent()
    member = demo.cluster.members[name]
    _say(f"kill -9 of {name} after {known.acknowledged} acknowledged calls")
    began, before = time.monotonic(), known.acknowledged
    member.running.process.kill()
    known.wait_for(before + AFTER, PROGRESS_S)
    _say(f"{AFTER} more calls were acknowledged within {time.monotonic() - began:.1f} s")
    while not member.alive or member.running.process.poll() is not None:
        demo.tend()
        time.sleep(LOOK_EVERY_S)
    return endings


def paused(demo: DemoCluster, nodes: Nodes, loader: Loader, name: str) -> list[Ending]:
    """Stop a node past its lease, and let it go on."""
    known = loader.recorder
    known.wait_for(known.acknowledged + BEFORE, PROGRESS_S)
    endings = nodes.recent()
    _say(f"SIGSTOP to all of {name} for {PAUSE_S:.0f} s, past its lease")
    before = known.acknowledged
    demo.cluster.members[name].pause()
    time.sleep(PAUSE_S)
    demo.cluster.members[name].go_on()
    _say(f"SIGCONT; {known.acknowledged - before} calls were acknowledged meanwhile")
    demo.tend()
    return endings


def run(folder: Path, rounds: int) -> History:
    """Every node killed ``rounds`` times, and one of each role paused, under calls."""
    project = folder / "project"
    key = copied_project(project)
    workspace = {"FIRESTEEL_WORKSPACE": "test"}
    with (
        Witness.started(folder / "effects.jsonl") as witness,
        DemoCluster.started(folder, project, 0, {**workspace, **witness.environment()}) as demo,
    ):
        nodes = Nodes(demo.cluster, key, via=demo.url)
        loader = Loader(nodes, TRIGGERS, RATE_PER_S)
        endings: list[Ending] = []
        with loader.running():
            for _ in range(rounds):
                for name, _role in NODES:
                    endings += killed(demo, nodes, loader, name)
            for name in ("gateway-1", "worker-1"):
                endings += paused(demo, nodes, loader, name)
            loader.recorder.wait_for(loader.recorder.acknowledged + AFTER, PROGRESS_S)
        nodes.wait_at_rest(REST_S)
        return History(
            loader.recorder.calls(),
            witness.effects(),
            (*endings, *nodes.endings()),
            STEPS,
            tuple(nodes.balances()),
            paused=True,
        )


def told(history: History, violations: Sequence[Violation]) -> str:
    """The run in a few lines."""
    outcomes = Counter(call.outcome for call in history.calls)
    counts = f"{outcomes['ok']} acknowledged, {outcomes['fail']} refused"
    lines = [f"{len(history.calls)} calls: {counts}, {outcomes['unknown']} without an answer"]
    lines.append(f"{len(history.effects)} effects seen by the witness")
    for trigger in TRIGGERS:
        count = sum(call.trigger == trigger and call.outcome == "ok" for call in history.calls)
        lines.append(f"  {trigger}: {count} acknowledged")
    found = Counter(violation.kind for violation in violations)
    lines.append("checker: " + ", ".join(f"{found[kind]} {kind}" for kind in get_args(Kind)))
    lines += [f"  {violation.kind}: {violation.detail}" for violation in violations]
    return "\n".join(lines)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> int:
    """1 where the checker has found anything."""
    parser = argparse.ArgumentParser(prog="cluster-kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each node is killed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firesteel-cluster-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        history = run(Path(name), options.rounds)
    violations = check(history)
    print(told(history, violations))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
