"""The REST API answers nothing that its document does not tell (P42).

What is checked of each answer stands in ``tests/support/playing``. That a call which fits the
document may still be refused (a name that is not there, an expression with a fault) is told in it
too, so such refusals are no findings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.playing.run import play

CALLS = {"quick": 500, "full": 50_000, "soak": 200_000}
# Of one piece, which is bounded in time; pieces, each of a seed of its own, are played until there
# are so many calls.
EXAMPLES = {"quick": 1, "full": 30, "soak": 100}
PHASES = "examples,coverage,fuzzing"
PATIENCE_S = {"quick": 1800.0, "full": 7200.0, "soak": 28_800.0}
SOURCE = "from firesteel import workflow\n\n@workflow\ndef item_price(input):\n    return input\n"


@contextlib.contextmanager
def node_to_play(folder: Path, **environment: str) -> Iterator[RunningNode]:
    """A node whose workspace has the names of the document's examples, and some messages."""
    project = ProjectFolder(folder / "project")
    project.module("pricing", SOURCE)
    workflow = {"python": "pricing:item_price"}
    trigger = {
        "request_response": {"timeout": "60s"},
        "query_parameters": [{"name": "item"}],
        "authentication": [],
    }
    project.integration({"name": "ItemPrice", "trigger": trigger, "workflow": workflow})
    project.integration(
        {"name": "Orders", "trigger": {"ordered_delivery": True}, "workflow": workflow}
    )
    project.connections({"erp": {"sql": "sqlite://"}})
    data = folder / "data"
    data.mkdir(mode=0o700)
    settings = {"FIRESTEEL_WORKSPACE": "demo", "FIRESTEEL_WORKERS": "1", **environment}
    with running_node(data, folder / "project", **settings) as node:
        for _ in range(3):
            node.client.get(f"{node.public_url}/demo/ItemPrice?item=A-100").raise_for_status()
        yield node


def test_p42_nothing_is_answered_that_the_document_does_not_tell(
    tmp_path: Path, size: Size, report: Report
) -> None:
    calls, failures, seed = 0, 0, 0
    with node_to_play(tmp_path) as node:
        while calls < CALLS[size] and not failures:
            seed += 1
            played = play(
                node,
                tmp_path,
                examples=EXAMPLES[size],
                seed=seed,
                phases=PHASES,
                timeout_s=PATIENCE_S[size],
            )
            assert played.calls, played.output
            calls, failures = calls + played.calls, failures + played.failures
        healthy = node.client.get(f"{node.public_url}/-/health").status_code
    report.row("P42", "schemathesis on the REST API", cycles=calls, note=f"{failures} findings")
    assert not failures, played.output
    assert healthy == 200


def test_p42_fails_when_a_route_answers_what_is_not_documented(
    tmp_path: Path, report: Report
) -> None:
    name, value = planted("undocumented_answer")
    with node_to_play(tmp_path, **{name: value}) as node:
        played = play(
            node, tmp_path, examples=1, seed=1, phases="examples", timeout_s=PATIENCE_S["quick"]
        )
    found = "target_exists is not documented" in played.output
    report.defect("P42", "undocumented_answer", found=found)
    assert found, played.output
