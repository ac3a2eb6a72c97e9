"""restore, pause, resume, serve --paused: with real nodes, as an operator does it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.end_to_end.cli.conftest import CommandLine
from tests.support.node import (
    ProjectFolder,
    RunningNode,
    launch,
    running_node,
    until_ready,
    wait_until,
)

HELD = """
import time
from pathlib import Path
from firesteel import workflow

@workflow
def held(input: dict) -> None:
    with Path(input["query"]["file"]).open("a") as effects:
        effects.write(input["query"]["k"])
    time.sleep(1 if input["query"].get("quick") else 600)
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    project = ProjectFolder(tmp_path_factory.mktemp("held"))
    project.module("jobs", HELD)
    project.integration(
        {
            "name": "Held",
            "trigger": {"ordered_delivery": {"key": "query.k"}},
            "workflow": {"python": "jobs:held"},
        }
    )
    return project


def states(node: RunningNode) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in node.admin("GET", "/workspaces/test/messages")["items"]:
        found[item["state"]] = found.get(item["state"], 0) + 1
    return found


def test_a_restored_node_says_what_would_run_and_runs_it_when_told(
    held: ProjectFolder, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects, data = tmp_path / "effects", tmp_path / "data"
    with running_node(data, held.path) as first:
        for lane in "aab":
            first.call("Held", params={"k": lane, "file": str(effects), "quick": ""})
        wait_until(lambda: effects.exists() and len(effects.read_text()) == 2)
        monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(data))
        made = cli.json("backup", tmp_path / "copy.db")
        first.kill()

    new = tmp_path / "new"
    monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(new))
    assert cli("restore", tmp_path / "copy.db") == 1
    assert "encryption_key_missing" in cli.err
    wrong = tmp_path / "wrong.key"
    wrong.write_text("A" * 43 + "=\n")
    wrong.chmod(0o600)
    assert cli("restore", tmp_path / "copy.db", "--key-file", wrong) == 1
    assert "wrong_encryption_key" in cli.err
    assert not (new / "firesteel.db").exists()
    key = data / "encryption.key"
    project = tmp_path / "project"
    project.mkdir()
    (project / "firesteel.toml").write_text('data_dir = "../new"\n')
    monkeypatch.delenv("FIRESTEEL_DATA_DIR")
    done = cli.json("restore", tmp_path / "copy.db", "--key-file", key, "--project", project)
    monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(new))

    assert done["executions"] == {"running": 2, "waiting": 1}
    assert [(one["integration"], one["waiting"], one["running"]) for one in done["would_run"]] == [
        ("Held", 1, 2)
    ]
    assert (new / "encryption.key").read_text() == key.read_text()
    assert made["size_bytes"] == done["size_bytes"]
    _run_restored(held, cli, new, effects)


def _run_restored(held: ProjectFolder, cli: CommandLine, new: Path, effects: Path) -> None:
    with running_node(new, held.path) as node:
        wait_until(lambda: "Paused" in node.said())
        quick = {"k": "c", "file": str(effects), "quick": "1"}
        assert node.call("Held", params=quick).status_code == 202
        node.kill_engine()
        node.wait_ready()

        assert states(node) == {"waiting": 4}
        shown = cli.json("status")
        assert shown["node"]["paused"]
        assert shown["pause"]["interrupted_count"] == 2
        assert [(one["lane"]) for one in shown["pause"]["interrupted"]] == ["a", "b"]
        assert {one["key"]: one["waiting"] for one in shown["pause"]["lanes"]} == {
            "a": 2,
            "b": 1,
            "c": 1,
        }
        assert cli("status") == 0
        assert "restored from copy.db" in cli.err
        assert "Held" in cli.out
        for item in node.admin("GET", "/workspaces/test/messages")["items"][1:]:
            assert item["reason"] == "paused"
            assert cli("messages", "cancel", item["id"]) == 0, cli.err
        assert sorted(effects.read_text()) == ["a", "b"]

        assert cli("resume", "--why", "the others are done by hand") == 0, cli.err

        wait_until(lambda: states(node) == {"cancelled": 3, "succeeded": 1})
        assert sorted(effects.read_text()) == ["a", "b", "c"]
        assert not node.admin("GET", "/node")["paused"]
        noted = [(item["action"], item["detail"]) for item in node.admin("GET", "/audit")["items"]]
        assert ("store.restore", "copy.db") in noted
        assert ("node.resume", "the others are done by hand") in noted


def test_a_copy_is_downloaded_whole_and_leaves_nothing_on_the_node(
    held: ProjectFolder, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    with running_node(data, held.path) as node:
        monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(data))
        before = {path.name for path in data.iterdir()}

        (data / "..download-0.db.1.partial").write_bytes(b"left by an engine that was killed")

        done = cli.json("backup", "--download", copy)

        assert done["sha256"] == hashlib.sha256(copy.read_bytes()).hexdigest()
        assert {path.name for path in data.iterdir()} == before
        assert node.admin("GET", "/backup")["under_way"] is False
        assert cli("backup", "--download", copy) == 5
        made = cli.json("backup", tmp_path / "other.db")
        assert made["messages"] == 0
    monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(tmp_path / "new"))
    key = str(data / "encryption.key")
    assert cli("restore", copy, "--key-file", key, "--sha256", made["sha256"][::-1]) == 1
    assert "checksum_differs" in cli.err
    assert cli("restore", copy, "--key-file", key, "--sha256", done["sha256"]) == 0, cli.err


def test_a_start_may_be_paused_and_a_resumed_node_stays_so(
    held: ProjectFolder, tmp_path: Path
) -> None:
    effects, data = tmp_path / "effects", tmp_path / "data"
    words = ["serve", "--paused", "--project", str(held.path)]
    environment = {"FIRESTEEL_WORKSPACE": "test"}
    node = until_ready(launch(words, data, **environment))
    try:
        node.call("Held", params={"k": "a", "file": str(effects), "quick": "1"})
        assert states(node) == {"waiting": 1}
        assert node.admin("GET", "/pause")["by"] == "serve --paused"
        node.admin("POST", "/resume", json={})
        wait_until(lambda: states(node) == {"succeeded": 1})

        node.kill_engine()
        node.wait_ready()

        assert not node.admin("GET", "/pause")["paused"]
        node.admin("POST", "/pause", json={"why": "the ERP is moved"})
    except BaseException:
        node.print_output()
        raise
    finally:
        node.stop()
    with running_node(data, held.path) as again:
        found = again.admin("GET", "/pause")
        assert (found["paused"], found["why"]) == (True, "the ERP is moved")
        assert json.loads(again.client.get(f"{again.address['admin_url']}/health/ready").text)[
            "ready"
        ]
