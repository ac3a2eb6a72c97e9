"""Whoever is to be told of failures is told once, with what came after it counted; and that a state
is over. Over a webhook and a real mail server, on a node that is killed in between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.end_to_end.conftest import new_data_dir
from tests.support.http_server import HttpServer, Reply
from tests.support.mail_server import MailServer
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

ALERTS = "/workspaces/test/alerts"
SECRET = "whsec_MTIzNDU2Nzg5MA=="
CANARY = "canary-of-the-body"


def fill(project: ProjectFolder, sink: HttpServer, mail_port: int) -> None:
    fail = {"message": "{% 'no customer ' & input.body.name %}", "permanent": True}
    fails = {"retry": {"attempts": 1}, "steps": [{"name": "stop", "fail": fail}]}
    for name in ("Fails", "AlsoFails"):
        project.integration({"name": name, "workflow": fails})
    lanes = {"key": "body.name", "on_failure": "pause"}
    project.integration(
        {"name": "Lanes", "trigger": {"ordered_delivery": lanes}, "workflow": fails}
    )
    project.integration({"name": "Works", "trigger": {"ordered_delivery": True}})
    document = {
        "channels": {
            "hook": {"webhook": f"{sink.url}/hook", "secret": "${HOOK_SECRET}"},
            "ops": {
                "email": ["ops@example.com"],
                "from": "f@example.com",
                "host": "127.0.0.1",
                "port": mail_port,
                "tls": "none",
            },
        },
        "rules": {
            "failures": {
                "event": "execution_failed",
                "integrations": ["Fails", "AlsoFails"],
                "group": "4s",
            },
            "lanes": {"event": "lane_paused", "channels": ["hook"]},
            "old": {"event": "oldest_waiting", "age": "1s", "channels": ["hook"]},
        },
    }
    (project.path / "alerts.yaml").write_text(json.dumps(document))
    sink.reply("/hook", Reply(204))


@pytest.fixture(scope="module")
def mails() -> Iterator[MailServer]:
    with MailServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def node(
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sink: HttpServer,
    mails: MailServer,
) -> Iterator[RunningNode]:
    fill(ProjectFolder(project), sink, mails.port)
    environment = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", "HOOK_SECRET": SECRET}
    with running_node(
        new_data_dir(tmp_path_factory), project, **environment, FIRESTEEL_WORKERS="1"
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(sink: HttpServer) -> None:
    sink.reply("/hook", Reply(204))


def alerts(sink: HttpServer, rule: str) -> list[Any]:
    """What the webhook was told by a rule, each alert once, in order."""
    told = {item.json["id"]: item.json for item in sink.received if item.path == "/hook"}
    return [item for item in told.values() if item["data"]["rule"] == rule]


def of(sink: HttpServer, rule: str, integration: str) -> list[tuple[str, Any]]:
    """Types and items of what was told of an integration."""
    return [
        (alert["type"], item)
        for alert in alerts(sink, rule)
        for item in alert["data"]["items"]
        if item.get("integration") == integration
    ]


def fails(node: RunningNode, integration: str = "Fails", **body: Any) -> dict[str, Any]:
    settled = node.until_settled(node.call(integration, json={"name": CANARY, **body}))
    assert settled["state"] == "failed"
    return settled


def firesteel(node: RunningNode, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firesteel", *arguments, "--data-dir", str(node.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_failing_integration_is_told_at_once_and_then_with_what_came_after(
    node: RunningNode, sink: HttpServer, mails: MailServer
) -> None:
    first = fails(node)
    wait_until(lambda: of(sink, "failures", "Fails"))
    # Together, so that they are gathered on a slow machine too.
    for answer in [node.call("Fails", json={"name": CANARY}) for _ in range(3)]:
        assert node.until_settled(answer)["state"] == "failed"
    wait_until(lambda: sum(item["count"] for _, item in of(sink, "failures", "Fails")) == 4)
    ((kind, at_once), *later) = of(sink, "failures", "Fails")
    assert (kind, at_once["count"], at_once["first"]["message"]) == (
        *("alert.firing", 1),
        first["id"],
    )
    assert [item["count"] for _, item in later] == [3]
    assert at_once["url"].endswith("/w/test/failed?integration=Fails")
    subjects = wait_until(
        lambda: [mail["Subject"] for mail in mails.mails if "Fails" in mail["Subject"]][:2]
    )
    assert subjects[0] == "[Firesteel test] Fails failed: permanent_error"
    told = json.dumps([item.json for item in sink.received if item.path == "/hook"])
    written = "".join(str(mail) for mail in mails.mails)
    assert CANARY not in told + written + node.said()


def test_a_lane_that_stands_still_is_told_and_that_it_goes_on(
    node: RunningNode, sink: HttpServer
) -> None:
    fails(node, "Lanes", name="ACME")
    ((_, item),) = wait_until(lambda: of(sink, "lanes", "Lanes"))
    assert (item["lanes"], item["stopped"]) == (1, 1)
    assert "ACME" not in json.dumps(alerts(sink, "lanes"))
    body = {"integration": "Lanes", "key": "ACME"}
    node.admin("POST", "/workspaces/test/lanes/resume", json=body)
    wait_until(lambda: len(of(sink, "lanes", "Lanes")) == 2)
    assert [kind for kind, _ in of(sink, "lanes", "Lanes")] == ["alert.firing", "alert.resolved"]


def test_a_message_that_waits_too_long_is_told_and_that_none_does(
    node: RunningNode, sink: HttpServer
) -> None:
    lanes = "/workspaces/test/lanes"
    node.admin("POST", f"{lanes}/pause", json={"integration": "Lanes", "key": "B"})
    node.call("Lanes", json={"name": "B"})
    ((_, item),) = wait_until(lambda: of(sink, "old", "Lanes"))
    assert item["waiting_s"] >= 1
    node.admin("POST", f"{lanes}/resume", json={"integration": "Lanes", "key": "B"})
    wait_until(lambda: [kind for kind, _ in of(sink, "old", "Lanes")][1:] == ["alert.resolved"])


def test_a_channel_that_is_down_holds_up_no_other_and_is_told_later_in_order(
    node: RunningNode, sink: HttpServer, mails: MailServer
) -> None:
    sink.reply("/hook", Reply(503))
    fails(node, "AlsoFails")
    wait_until(lambda: any("AlsoFails" in mail["Subject"] for mail in mails.mails))
    waiting = wait_until(
        lambda: [
            item
            for item in node.admin("GET", f"{ALERTS}/sent")
            if item["state"] == "waiting" and item["attempts"]
        ]
    )
    assert [(item["channel"], item["error"]) for item in waiting] == [
        ("hook", "http_status: the answer was 503")
    ]
    sink.reply("/hook", Reply(204))
    wait_until(lambda: all(item["state"] == "sent" for item in node.admin("GET", f"{ALERTS}/sent")))
    assert sum(item["count"] for _, item in of(sink, "failures", "AlsoFails")) == 1


def test_what_failed_before_an_engine_was_killed_is_told_by_the_next_one_once(
    node: RunningNode, sink: HttpServer
) -> None:
    def count() -> int:
        return sum(item["count"] for _, item in of(sink, "failures", "Fails"))

    before = count()
    for _ in range(2):
        for _ in range(3):
            fails(node)
        node.kill_engine()
        node.wait_ready()
    fails(node)
    wait_until(lambda: count() >= before + 7)
    # One more alert of the same rule comes after all that is gathered.
    known = len(of(sink, "failures", "AlsoFails"))
    fails(node, "AlsoFails")
    wait_until(lambda: len(of(sink, "failures", "AlsoFails")) > known)
    assert count() == before + 7


def test_silence_lets_nothing_be_told_until_it_ends(node: RunningNode, sink: HttpServer) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"rule": "lanes", "until": until, "why": "moving"}
    node.admin("PUT", f"{ALERTS}/silence", json=body)
    (silence,) = node.admin("GET", ALERTS)["silences"]
    assert (silence["rule"], silence["why"], silence["silenced_by"]) == ("lanes", "moving", "local")
    lane = {"integration": "Works"}
    node.admin("POST", "/workspaces/test/lanes/pause", json=lane)
    before = len(alerts(sink, "failures"))
    fails(node)  # told by another rule, after the round in which the pause was seen
    wait_until(lambda: len(alerts(sink, "failures")) > before)
    assert of(sink, "lanes", "Works") == []
    done = firesteel(node, "alert", "unsilence", "lanes")
    assert (done.returncode, done.stdout) == (0, "lanes: silent no more\n"), done.stderr
    ((_, item),) = wait_until(lambda: of(sink, "lanes", "Works"))
    assert item["paused"]
    node.admin("POST", "/workspaces/test/lanes/resume", json=lane)
    wait_until(lambda: len(of(sink, "lanes", "Works")) == 2)


def test_the_command_line_lists_tests_silences_and_tells_what_was_sent(
    node: RunningNode, sink: HttpServer
) -> None:
    listed = firesteel(node, "alert", "list").stdout
    assert "hook" in listed
    assert "oldest_waiting" in listed
    tested = firesteel(node, "alert", "test", "hook")
    assert tested.stdout == "hook: a test alert was sent\n"
    assert sink.received[-1].json["type"] == "alert.test"
    assert firesteel(node, "alert", "test", "none").returncode == 4
    sink.reply("/hook", Reply(500))
    refused = firesteel(node, "alert", "test", "hook")
    assert (refused.returncode, "the answer was 500" in refused.stderr) == (1, True)
    silenced = firesteel(node, "alert", "silence", "--for", "10m", "--json")
    assert json.loads(silenced.stdout)["rule"] is None
    assert firesteel(node, "alert", "unsilence").stdout == "all rules: silent no more\n"
    assert "http_status: the answer was 500" in firesteel(node, "alert", "sent").stdout
    assert SECRET not in "".join(
        firesteel(node, "alert", *words).stdout for words in (["show"], ["list", "--json"])
    )


def test_an_end_of_silence_tells_what_was_silent_and_what_still_is(node: RunningNode) -> None:
    assert firesteel(node, "alert", "silence", "lanes").returncode == 0
    of_all = firesteel(node, "alert", "unsilence").stdout.splitlines()
    assert of_all[0] == "all rules: no silence to end"
    assert [line.partition(" until")[0] for line in of_all[1:]] == ["lanes: still silent"]
    assert firesteel(node, "alert", "silence").returncode == 0
    of_one = firesteel(node, "alert", "unsilence", "lanes").stdout.splitlines()
    assert of_one[0] == "lanes: silent no more"
    assert [line.partition(" until")[0] for line in of_one[1:]] == ["all rules: still silent"]
    ended = firesteel(node, "alert", "unsilence", "--json").stdout
    assert json.loads(ended) == {"rule": None, "ended": True}


def test_the_file_is_checked_shown_as_a_difference_applied_and_exported(
    node: RunningNode, project: Path, tmp_path: Path
) -> None:
    file = project / "alerts.yaml"
    document = json.loads(file.read_text())
    assert "no differences" in firesteel(node, "diff", str(project)).stdout
    document["rules"]["failures"]["channels"] = ["nobody"]
    file.write_text(json.dumps(document, indent=1))
    checked = firesteel(node, "diff", str(project))
    assert "alerts.yaml:" in checked.stderr
    assert "channel_unknown" in checked.stderr
    document["rules"]["failures"]["channels"] = ["ops"]
    document["channels"]["hook"]["secret"] = "${NOWHERE}"
    file.write_text(json.dumps(document, indent=1))
    missing = firesteel(node, "apply", str(project))
    assert "alerts.yaml:5:14: error: ${NOWHERE}" in missing.stderr
    document["channels"]["hook"]["secret"] = "${HOOK_SECRET}"
    file.write_text(json.dumps(document, indent=1))
    assert "+    channels:" in firesteel(node, "diff", str(project)).stdout
    applied = firesteel(node, "apply", str(project))
    assert "alerts.yaml: changed" in applied.stdout
    assert firesteel(node, "export", str(tmp_path)).returncode == 0
    exported = firesteel(node, "diff", str(tmp_path))
    assert "no differences" in exported.stdout, exported.stderr
    (tmp_path / "alerts.yaml").unlink()
    assert "alerts.yaml: only on the node" in firesteel(node, "diff", str(tmp_path)).stdout
    with pytest.raises(httpx2.HTTPStatusError) as refused:
        node.admin("PUT", f"{ALERTS}/rules/mine", json={"event": "execution_failed"})
    assert refused.value.response.json()["type"] == "urn:firesteel:managed_by_files"
