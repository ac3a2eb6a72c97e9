"""key, messages, lanes, send, backup, openapi: operating a real node."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.cli.conftest import CommandLine
from tests.support.node import RunningNode, wait_until


def test_send_calls_a_trigger_and_prints_what_it_answers(cli: CommandLine) -> None:
    assert cli("send", "Echo", "--query", "item=A-100", "--key", "tester") == 0, cli.err

    lines = cli.out.splitlines()
    assert lines[0] == "200 OK"
    assert any(line.startswith("firesteel-message-id: ") for line in lines)
    assert json.loads(lines[-1]) == {"seen": {"item": "A-100"}}


def test_send_without_a_key_shows_the_401_and_exits_with_1(cli: CommandLine) -> None:
    assert cli("send", "Echo") == 1
    assert cli.out.startswith("401")


def test_send_takes_a_body_from_a_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"customer_no": 7, "order_no": "W-1"}')

    answer = cli.json("send", "Orders", "--data", "@order.json", "--key", "tester")

    assert answer["status"] == 202


def test_send_to_a_trigger_that_is_not_there_exits_with_4(cli: CommandLine) -> None:
    assert cli("send", "Nowhere") == 4


def test_a_key_that_is_added_opens_the_trigger_and_a_deleted_one_does_not(
    cli: CommandLine, node: RunningNode
) -> None:
    assert cli("key", "add", "Echo", "partner") == 0, cli.err
    secret = cli.out.strip()
    assert node.call("Echo", headers={"x-api-key": secret}).status_code == 200

    assert cli("key", "relabel", "Echo", "partner", "friend") == 0
    assert cli("key", "reveal", "Echo", "friend") == 0
    assert cli.out.strip() == secret
    listed = {item["label"]: item for item in cli.json("key", "list", "Echo")}
    assert secret.startswith(listed["friend"]["prefix"])
    assert secret not in json.dumps(listed)
    assert cli("key", "add", "Orders", "friend", "--same-as", "Echo/friend") == 0, cli.err
    assert "fsk_" not in cli.out
    assert cli("key", "delete", "Echo", "friend") == 0
    assert node.call("Echo", headers={"x-api-key": secret}).status_code == 401


def test_a_label_that_is_taken_exits_with_5_and_an_unknown_one_with_4(cli: CommandLine) -> None:
    assert cli("key", "add", "Echo", "tester") == 5
    assert cli("key", "delete", "Echo", "nobody") == 4


def test_the_first_key_closes_an_open_trigger(cli: CommandLine, node: RunningNode) -> None:
    node.admin("PUT", "/workspaces/test/integrations/Open", json={"name": "Open"})
    assert node.call("Open", headers={"x-api-key": "none"}).status_code == 202

    assert cli("key", "add", "Open", "partner", "--value", "the-secret-of-a-partner") == 0

    assert node.call("Open", headers={"x-api-key": "none"}).status_code == 401
    assert node.call("Open", headers={"x-api-key": "the-secret-of-a-partner"}).status_code == 202


def test_messages_are_found_by_state_search_name_and_consumer(
    cli: CommandLine, node: RunningNode
) -> None:
    answer = node.call("Orders", json={"customer_no": 9, "order_no": "W-99"})
    node.until_settled(answer)

    found = cli.json("messages", "list", "-i", "Orders", "--search", "order_no=W-99")["items"]

    (message,) = found
    assert message["id"] == answer.headers["firesteel-message-id"]
    assert (message["state"], message["consumer"]) == ("succeeded", "tester")
    assert cli.json("messages", "list", "--consumer", "nobody")["items"] == []


def test_pages_of_messages_have_each_message_once(cli: CommandLine, node: RunningNode) -> None:
    for number in range(5):
        node.call("Orders", json={"customer_no": "pages", "order_no": str(number)})
    whole = cli.json("messages", "list", "-i", "Orders", "--limit", "500")["items"]

    seen, cursor = [], []
    while True:
        page = cli.json("messages", "list", "-i", "Orders", "--limit", "2", *cursor)
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = ["--cursor", page["next"]]

    assert seen == [item["id"] for item in whole]


def test_show_tells_what_came_what_was_done_and_what_was_answered(
    cli: CommandLine, node: RunningNode
) -> None:
    answer = node.call("Echo", method="GET", params={"item": "A-1"})
    message_id = answer.headers["firesteel-message-id"]

    assert cli("messages", "show", message_id) == 0

    assert "GET /test/Echo?item=A-1" in cli.out
    assert "succeeded" in cli.out
    assert '"seen"' in cli.out
    shown = cli.json("messages", "show", message_id)
    assert shown["executions"][0]["response"]["status"] == 200
    assert all(name != "x-api-key" for name, _ in shown["request"]["headers"])


def test_p17_a_failed_message_can_be_replayed_and_the_replay_is_linked_to_it(
    cli: CommandLine, node: RunningNode
) -> None:
    answer = node.call("Refused", json={})
    node.until_settled(answer)
    message_id = answer.headers["firesteel-message-id"]
    shown = cli.json("messages", "show", message_id)
    assert shown["executions"][0]["failure"]["detail"] == "the ERP says no"

    assert cli("messages", "replay", message_id, "--why", "the ERP is mended") == 0, cli.err

    replay = cli.json("messages", "show", message_id)["executions"][1]
    assert (replay["run"], replay["replay_of"]) == (2, 1)


def test_all_that_failed_is_replayed_once_where_somebody_says_yes(
    cli: CommandLine, node: RunningNode
) -> None:
    for _ in range(3):
        node.until_settled(node.call("Refused", json={"bulk": True}))
    chosen = ("messages", "bulk", "replay", "-i", "Refused", "--code", "permanent_error")
    assert cli(*chosen) == 2
    assert "add --yes" in cli.err

    replayed = cli.json(*chosen, "--why", "the ERP is back", "--yes")

    assert (replayed["state"], replayed["act"]) == ("done", "replay")
    assert replayed["done"] >= 3
    found = cli.json("messages", "list", "-i", "Refused")["items"]
    assert {item["run"] for item in found[:3]} == {2}


def test_acts_that_come_too_late_exit_with_5_and_unknown_messages_with_4(
    cli: CommandLine, node: RunningNode
) -> None:
    answer = node.call("Echo")

    assert cli("messages", "cancel", answer.headers["firesteel-message-id"]) == 5
    assert cli("messages", "cancel", "nosuchmessage") == 4


def test_a_paused_lane_waits_and_says_why_until_it_is_resumed(
    cli: CommandLine, node: RunningNode
) -> None:
    assert cli("lanes", "pause", "Orders", "P", "--why", "the ERP is being moved") == 0, cli.err
    answer = node.call("Orders", json={"customer_no": "P", "order_no": "W-2"})
    message_id = answer.headers["firesteel-message-id"]

    (lane,) = [item for item in cli.json("lanes", "list", "-i", "Orders") if item["key"] == "P"]
    assert (lane["waiting"], lane["paused"]) == (1, True)
    items = cli.json("messages", "list", "--state", "waiting")["items"]
    assert [item["reason"] for item in items if item["id"] == message_id] == ["paused"]

    assert cli("lanes", "resume", "Orders", "P") == 0
    assert node.until_settled(answer)["state"] == "succeeded"


def test_a_waiting_message_can_be_skipped_and_the_record_says_by_whom_and_why(
    cli: CommandLine, node: RunningNode
) -> None:
    cli("lanes", "pause", "Orders", "S")
    answer = node.call("Orders", json={"customer_no": "S", "order_no": "W-3"})
    message_id = answer.headers["firesteel-message-id"]

    assert cli("messages", "skip", message_id, "--why", "sent by mistake") == 0, cli.err

    (execution,) = cli.json("messages", "show", message_id)["executions"]
    assert (execution["state"], execution["ended_why"]) == ("skipped", "sent by mistake")
    assert execution["ended_by"] == "local"
    cli("lanes", "resume", "Orders", "S")


def test_a_backup_is_a_whole_store_and_never_overwrites(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    answer = node.call("Orders", json={"customer_no": 1, "order_no": "W-before"})

    assert cli("backup", tmp_path / "copy.db") == 0, cli.err

    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        ids = {row[0] for row in copy.execute("select id from message")}
        assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
    assert answer.headers["firesteel-message-id"] in ids
    assert cli("backup", tmp_path / "copy.db") == 5


def test_a_backup_that_is_not_seen_from_here_is_told(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("backup", tmp_path / "seen.db") == 0, cli.err
    assert cli.err == ""
    monkeypatch.setattr("firesteel.cli.backup.os.path.lexists", lambda _path: False)

    assert cli("backup", tmp_path / "unseen.db") == 0, cli.err

    assert "unseen.db is not seen from here" in cli.err


def test_status_shows_the_node_and_its_integrations(cli: CommandLine) -> None:
    found = cli.json("status")

    assert found["node"]["workspace"] == "test"
    assert {"Echo", "Orders", "Refused"} <= {item["name"] for item in found["integrations"]}
    assert all(worker["ready"] for worker in found["workers"])


def test_openapi_is_printed(cli: CommandLine) -> None:
    assert cli("openapi") == 0
    assert json.loads(cli.out)["info"]["title"] == "Firesteel"


def test_openapi_of_a_consumer_is_written(cli: CommandLine, tmp_path: Path) -> None:
    assert cli("openapi", "--consumer", "tester", str(tmp_path / "tester.json")) == 0, cli.err
    document = json.loads((tmp_path / "tester.json").read_text())
    assert "/test/Echo" in document["paths"]
    assert cli("openapi", "--consumer", "nobody") == 4


def test_health_and_metrics_need_no_token(node: RunningNode) -> None:
    admin_url = node.address["admin_url"]
    node.until_settled(node.call("Orders", json={"customer_no": "m", "order_no": "m"}))

    assert node.client.get(f"{admin_url}/health/live").status_code == 200
    assert node.client.get(f"{admin_url}/health/ready").json()["ready"] is True
    metrics = node.client.get(f"{admin_url}/metrics").text
    line = 'firesteel_messages_accepted_total{integration="Orders",workspace="test"}'
    assert any(text.startswith(line) for text in metrics.splitlines())


def test_a_connection_can_be_tested(node: RunningNode, tmp_path: Path) -> None:
    path = "/workspaces/test/connections"
    node.admin("PUT", f"{path}/good", json={"sql": f"sqlite:///{tmp_path}/good.db"})
    node.admin("PUT", f"{path}/bad", json={"sql": f"sqlite:///{tmp_path}/no/such/folder.db"})

    assert node.admin("POST", f"{path}/good/test")["works"] is True
    bad = node.admin("POST", f"{path}/bad/test")
    assert bad["works"] is False
    assert bad["failure"]["kind"] == "transient"


def test_a_trigger_that_is_switched_off_answers_404_and_stays_off_when_files_are_applied_again(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    file = tmp_path / "Switched.yaml"
    file.write_text("name: Switched\n")
    cli("apply", file)
    path = "/workspaces/test/integrations/Switched"
    assert node.call("Switched").status_code == 202

    node.admin("PATCH", path, json={"enabled": False})
    assert node.call("Switched").status_code == 404
    cli("apply", file)
    assert node.call("Switched").status_code == 404
    node.admin("PATCH", path, json={"enabled": True})
    assert node.call("Switched").status_code == 202


def test_workers_start_anew_when_they_are_told_to(node: RunningNode) -> None:
    before = set(node.worker_pids)

    node.admin("POST", "/workers/restart")

    wait_until(lambda: len(node.worker_pids) == 2 and not before & set(node.worker_pids))
    assert node.call("Echo").status_code == 200


def test_messages_of_an_unknown_integration_or_search_name_are_an_error(cli: CommandLine) -> None:
    assert cli("messages", "list", "-i", "nope") == 4
    assert "nope" in cli.err
    assert cli("messages", "list", "--search", "zz=1") == 5
    assert "zz" in cli.err
    assert cli("messages", "list", "-i", "Orders", "--search", "order_no=none-such") == 0


def test_a_key_that_has_expired_already_is_not_added(cli: CommandLine) -> None:
    assert cli("key", "add", "Echo", "late", "--expires", "2020-01-01") == 5
    assert "past" in cli.err
    assert cli("key", "delete", "Echo", "late") == 4
