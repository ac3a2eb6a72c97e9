"""Erasing leaves nothing of what a consumer sent, and nothing that was made of it, in any row."""

from __future__ import annotations

from pathlib import Path

from tests.fault.defects import planted
from tests.support.node import ProjectFolder, running_node, wait_until

BULK = "/workspaces/test/bulk"
CANARY = "ann-canary-berg"
WORKFLOW = """
from firesteel import Message, PermanentError, Response, step, workflow

@step
def kept(value): return value

@workflow
def seen(input, message: Message):
    print("logged", input)
    kept(input["body"])
    if message.sequence == 2:
        raise PermanentError(f"no {input}")
    return Response({"seen": input["body"]})
"""


def left_behind(folder: Path, *defect: tuple[str, str]) -> bool:
    """Whether the store's files hold anything of it when all of the consumer is erased."""
    project = ProjectFolder(folder / "project")
    project.module("work", WORKFLOW)
    trigger = {"request_response": True, "ordered_delivery": {"key": "body.name"}}
    document = {"name": "Hook", "trigger": trigger, "search": {"name": "body.name"}}
    project.integration({**document, "workflow": {"python": "work:seen"}})
    with running_node(folder / "data", project.path, **dict(defect)) as node:

        def stored() -> bool:
            files = (folder / "data").glob("firesteel.db*")
            return any(CANARY.encode() in path.read_bytes() for path in files)

        answers = [node.call("Hook", json={"name": CANARY}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 502]
        assert stored()
        selection = {"consumer": "tester"}
        counted = node.admin("GET", f"{BULK}/count", params={"act": "erase", **selection})
        asked = {"act": "erase", "selection": selection, "until": counted["until"]}
        begun = node.admin("POST", BULK, json=asked)
        wait_until(lambda: node.admin("GET", f"{BULK}/{begun['number']}")["state"] == "done")
        return stored()


def test_nothing_is_left_of_what_a_consumer_sent(tmp_path: Path) -> None:
    assert not left_behind(tmp_path)


def test_something_is_left_when_erasing_forgets_a_table(tmp_path: Path) -> None:
    assert left_behind(tmp_path, planted("erased_but_for_one_table"))
