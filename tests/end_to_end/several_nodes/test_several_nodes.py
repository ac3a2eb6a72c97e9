"""What is accepted by one node is run by another, seen by all, and bounded over all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.end_to_end.several_nodes.conftest import Place, refused
from tests.support.cluster import Member, new_key
from tests.support.http_server import Reply
from tests.support.node import KEY, launch_node, wait_until

CALLS = 24


def held_at(member: Member, pool: ThreadPoolExecutor, place: Place) -> Future[httpx2.Response]:
    """A call that waits for its response, once its execution has reached the sink."""
    before = len(place.sink.received)
    calling = pool.submit(member.running.call, "Held", json={})
    wait_until(lambda: len(place.sink.received) > before)
    return calling


def running(place: Place) -> str:
    """The id of the one message that runs."""
    page = place.worker.running.admin(
        "GET", "/workspaces/test/messages", params={"integration": "Held", "state": "running"}
    )
    (item,) = page["items"]
    return str(item["id"])


# --- calls ------------------------------------------------------------------------------------


def test_a_call_is_accepted_by_a_gateway_and_run_and_answered_by_another_node(
    place: Place,
) -> None:
    others = place.worker.pids() | place.both.pids()
    for number in range(10):
        answer = place.gateway.running.call("Who", json={"n": number})
        assert answer.status_code == 200
        assert answer.json()["body"] == {"n": number}
        assert answer.json()["pid"] in others


def test_p19_each_of_many_callers_gets_its_own_answer_from_another_node(place: Place) -> None:
    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(place.gateway.running.call, "Who", json={"n": n}) for n in range(200)]
        answers = [call.result().json()["body"]["n"] for call in calls]
    assert answers == list(range(200))


def test_state_and_response_are_told_by_any_node(place: Place) -> None:
    answer = place.gateway.running.call("Who", headers={"prefer": "respond-async"}, json={"n": 1})
    assert answer.status_code == 202
    path = answer.headers["location"]
    asked: dict[str, Any] = {"headers": {"x-api-key": KEY}}
    client = place.both.running.client
    place.both.running.until_settled(answer)
    assert client.get(place.both.url + path, **asked).json()["state"] == "succeeded"
    for member in (place.gateway, place.both):
        response = client.get(f"{member.url}{path}/response", **asked)
        assert (response.status_code, response.json()["body"]) == (200, {"n": 1})


def test_p22_a_duplicate_at_another_gateway_gets_the_first_calls_answer(
    place: Place, gate: threading.Event
) -> None:
    with ThreadPoolExecutor(2) as pool:
        same: dict[str, Any] = {"headers": {"idempotency-key": "k1"}, "json": {}}
        first = pool.submit(place.gateway.running.call, "Held", **same)
        wait_until(lambda: place.sink.received)
        second = pool.submit(place.both.running.call, "Held", **same)
        gate.set()
        answers = [first.result(), second.result()]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.headers["firesteel-message-id"] for answer in answers}) == 1
    assert answers[1].headers["firesteel-duplicate"] == "true"
    assert len(place.sink.received) == 1


@pytest.mark.parametrize(("name", "most"), [("Limited", 2), ("Alone", 1), ("Ordered", 1)])
def test_p11_concurrency_holds_over_all_nodes(place: Place, name: str, most: int) -> None:
    for what in ("begin", "end"):
        place.sink.reply(f"/{what}/{name}", Reply(200))
    place.sink.received.clear()
    with ThreadPoolExecutor(8) as pool:
        members = [place.gateway, place.both] * (CALLS // 2)
        calls = [pool.submit(member.running.call, name, json={}) for member in members]
        assert {call.result().status_code for call in calls} == {202}
    wait_until(lambda: len(place.sink.received) == 2 * CALLS)
    at_once, seen = 0, [0]
    for one in place.sink.received:
        at_once += 1 if one.path.startswith("/begin") else -1
        seen.append(at_once)
    assert max(seen) == most
    assert seen[-1] == 0


def test_figures_of_all_nodes_add_up(place: Place) -> None:
    waits = {"request_response": True}
    document = {"name": "Tallied", "trigger": waits, "workflow": {"python": "flows:who"}}
    place.publish(place.both, document)
    wait_until(lambda: place.gateway.running.call("Tallied").status_code == 200)
    for member in [place.gateway, place.both] * 4:
        assert member.running.call("Tallied").status_code == 200
    made = place.message(place.both, place.both.running.call("Tallied"))["sequence"]

    def counted() -> bool:
        shown = place.worker.running.admin("GET", "/workspaces/test/traffic?span=1h")
        (tallied,) = [one for one in shown["integrations"] if one["integration"] == "Tallied"]
        total = tallied["sum"]
        assert max(total["accepted"], total["succeeded"]) <= made
        return total["accepted"] == total["succeeded"] == made and tallied["waiting"] == 0

    wait_until(counted)


# --- the catalog ------------------------------------------------------------------------------


def test_a_key_that_is_deleted_at_one_node_is_refused_by_the_others(place: Place) -> None:
    place.publish(place.both, {"name": "Keyed", "workflow": {"python": "flows:who"}})
    wait_until(lambda: place.gateway.running.call("Keyed").status_code == 202)
    path = "/workspaces/test/integrations/Keyed/keys/tester"
    place.worker.running.admin("DELETE", path)
    wait_until(lambda: place.gateway.running.call("Keyed").status_code == 401)
    wait_until(lambda: place.both.running.call("Keyed").status_code == 401)


def test_versions_drafts_and_switches_are_seen_by_all_nodes(place: Place) -> None:
    path = "/workspaces/test/integrations/Shown"
    waits = {"request_response": True}
    for status in (200, 201):
        document = {"name": "Shown", "trigger": waits, "response": {"status": status}}
        place.publish(place.worker, {**document, "workflow": {"python": "flows:who"}})
        for member in (place.gateway, place.both):
            wait_until(lambda m=member, s=status: m.running.call("Shown").status_code == s)
    draft = {"name": "Shown", "description": "edited"}
    place.gateway.running.admin("PUT", f"{path}/draft", json=draft)
    shown = place.both.running.admin("GET", f"{path}/draft")
    assert shown["document"]["description"] == "edited"
    place.both.running.admin("PATCH", path, json={"enabled": False})
    wait_until(lambda: place.gateway.running.call("Shown").status_code == 404)


def test_secrets_and_connections_are_those_of_now_on_every_node(place: Place) -> None:
    step = {"name": "ask", "http": {"connection": "secretive", "path": "asked"}}
    place.publish(
        place.both,
        {
            "name": "Asks",
            "trigger": {"request_response": True},
            "workflow": {"steps": [step]},
        },
    )
    place.sink.reply("/asked", Reply.json({}))

    def asked(token: str) -> bool:
        place.sink.received.clear()
        for member in (place.gateway, place.both):
            if member.running.call("Asks").status_code != 200:
                return False
        return [one.header("x-token") for one in place.sink.received] == [token, token]

    wait_until(lambda: asked("from the environment"))
    place.worker.running.admin(
        "PUT", "/workspaces/test/secrets/TOKEN", json={"value": "from the store"}
    )
    # Whichever node runs them: each learns of it in its own time.
    wait_until(lambda: all(asked("from the store") for _ in range(6)))


def test_a_password_that_is_changed_at_one_node_is_that_of_all_nodes(place: Place) -> None:
    place.worker.running.admin("PUT", "/workspaces/test/secrets/ERP", json={"value": "before"})
    basic = {"label": "ERP", "username": "erp", "password": "${ERP}"}
    place.publish(
        place.both, {"name": "Guarded", "trigger": {"authentication": [{"basic": basic}]}}
    )

    def let_in(password: str) -> list[int]:
        members = (place.gateway, place.both)
        return [
            member.running.call("Guarded", auth=("erp", password)).status_code for member in members
        ]

    wait_until(lambda: let_in("before") == [202, 202])
    place.worker.running.admin("PUT", "/workspaces/test/secrets/ERP", json={"value": "after"})
    wait_until(lambda: let_in("after") == [202, 202])
    assert let_in("before") == [401, 401]


# --- acts of people ---------------------------------------------------------------------------


def test_an_execution_is_cancelled_from_any_node_and_its_caller_told(
    place: Place, gate: threading.Event
) -> None:
    with ThreadPoolExecutor(1) as pool:
        for member in (place.gateway, place.worker, place.both):
            calling = held_at(place.gateway, pool, place)
            message_id = running(place)
            path = f"/workspaces/test/messages/{message_id}/cancel"
            ended = member.running.admin("POST", path, json={"why": "a test"})
            assert ended["state"] == "cancelled"
            answer = calling.result()
            assert answer.status_code == 502
            assert answer.json()["type"] == "urn:firesteel:execution_cancelled"
            assert place.message(place.gateway, answer)["executions"][0]["state"] == "cancelled"


def test_a_pause_and_its_end_hold_for_all_nodes(place: Place) -> None:
    lanes = "/workspaces/test/lanes"
    act = {"integration": "Who"}
    place.gateway.running.admin("POST", f"{lanes}/pause", json=act)
    aside: dict[str, Any] = {"headers": {"prefer": "respond-async"}, "json": {}}
    answers = [m.running.call("Who", **aside) for m in (place.gateway, place.both)]
    for answer in answers:
        assert place.both.running.status(answer)["state"] == "waiting"
    place.worker.running.admin("POST", f"{lanes}/resume", json=act)
    for answer in answers:
        assert place.both.running.until_settled(answer)["state"] == "succeeded"


def test_failed_ones_are_replayed_one_by_one_and_in_bulk_from_any_node(place: Place) -> None:
    failed = [m.running.call("Fails", json={}) for m in (place.gateway, place.both)] * 2
    failed += [place.gateway.running.call("Fails", json={}) for _ in range(6)]
    for answer in failed:
        assert place.both.running.until_settled(answer)["state"] == "failed"
    message_id = failed[0].headers["firesteel-message-id"]
    path = f"/workspaces/test/messages/{message_id}/replay"
    place.gateway.running.admin("POST", path, json={})

    def states() -> list[str]:
        executions = place.message(place.worker, failed[0])["executions"]
        return [execution["state"] for execution in executions]

    wait_until(lambda: states() == ["failed", "failed"])

    selection = {"integration": "Fails", "state": "failed"}
    bulk = "/workspaces/test/bulk"
    query = {"act": "replay", **selection}
    counted = place.gateway.running.admin("GET", f"{bulk}/count", params=query)
    begun = place.gateway.running.admin(
        "POST", bulk, json={"act": "replay", "selection": selection, "until": counted["until"]}
    )

    def ended() -> Any:
        shown = place.worker.running.admin("GET", f"{bulk}/{begun['number']}")
        return shown if shown["state"] != "running" else None

    assert wait_until(ended)["done"] == counted["count"]


# --- the nodes --------------------------------------------------------------------------------


def test_every_node_shows_all_of_them(place: Place) -> None:
    for member in place.cluster.members.values():
        shown = member.running.admin("GET", "/nodes")
        assert sorted(one["role"] for one in shown) == ["all", "gateway", "worker"]
        assert all(one["lease_s"] > 0 for one in shown)
        (own,) = [one for one in shown if one["answers"]]
        assert own["role"] == member.role
        assert own["name"] == member.running.admin("GET", "/node")["name"]


def test_a_node_with_another_encryption_key_is_refused(place: Place) -> None:
    stranger = place.cluster.add("stranger", FIRESTEEL_ENCRYPTION_KEY=new_key())
    stranger.launch()
    del place.cluster.members["stranger"]
    assert "wrong_encryption_key" in refused(stranger.running)
    # It has no part of the rates, as a node would whose lease holds.
    assert len(place.gateway.running.admin("GET", "/nodes")) == 3


def test_two_engines_on_one_data_directory_are_refused(place: Place) -> None:
    data = place.both.folder / "data"
    assert "data_dir_in_use" in refused(launch_node(data, None, **place.both.environment))


def test_a_backup_is_left_to_the_databases_own_tools(place: Place) -> None:
    with pytest.raises(httpx2.HTTPStatusError) as refused:
        place.both.running.admin("POST", "/backup", json={"path": "/tmp/copy.db"})
    assert refused.value.response.status_code == 409
    assert refused.value.response.json()["type"] == "urn:firesteel:backup_unsupported"
    storage = place.both.running.admin("GET", "/storage")
    assert storage["disk_bytes"] is None
    assert storage["store_bytes"] > 0


# --- stopping ---------------------------------------------------------------------------------


def test_p28_a_gateway_that_stops_answers_who_waits_for_another_node(
    place: Place, gate: threading.Event
) -> None:
    leaving = place.cluster.add("leaving", "gateway")
    leaving.start()
    with ThreadPoolExecutor(2) as pool:
        calling = held_at(leaving, pool, place)
        stopping = pool.submit(leaving.running.stop_process)
        wait_until(lambda: len(place.both.running.admin("GET", "/nodes")) == 4)
        gate.set()
        assert calling.result().status_code == 200
        assert stopping.result() == 0
    leaving.running.client.close()
    del place.cluster.members["leaving"]
    assert len(place.both.running.admin("GET", "/nodes")) == 3


def test_p28_what_a_stopping_worker_cannot_finish_another_node_does(
    place: Place, gate: threading.Event
) -> None:
    leaving = place.cluster.add("leaving", "worker", FIRESTEEL_SHUTDOWN_TIMEOUT="6s")
    leaving.start()
    with ThreadPoolExecutor(60) as pool:
        calls = []
        while not any(one["running"] for one in leaving.running.admin("GET", "/workers")):
            calls.append(held_at(place.gateway, pool, place))
        assert leaving.running.stop_process() == 0
        gate.set()
        answers = [call.result() for call in calls]
    leaving.running.client.close()
    del place.cluster.members["leaving"]
    assert {answer.status_code for answer in answers} == {200}


def test_status_tells_which_of_the_nodes_answers(place: Place) -> None:
    environment = {**os.environ, "FIRESTEEL_DATA_DIR": str(place.worker.running.data_dir)}
    shown = subprocess.run(
        [sys.executable, "-m", "firesteel", "status", "--workspace", "test"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in shown.splitlines() if "(answers)" in line]
    assert "worker" in line


def test_a_node_stays_in_its_workspace_when_one_of_another_joins(place: Place) -> None:
    stranger = place.cluster.add("stranger", "gateway", FIRESTEEL_WORKSPACE="another")
    stranger.start()

    nodes = (place.gateway.running, stranger.running)
    told = [node.admin("GET", "/node")["workspace"] for node in nodes]

    del place.cluster.members["stranger"]
    stranger.stop()
    assert told == ["test", "another"]
