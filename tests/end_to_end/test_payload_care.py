"""What a node keeps of payloads: redaction, retention of their own, erasing; on both databases."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.http_server import HttpServer
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.postgres import Postgres

OTHER_KEY = "other-key-0123456789abcdef"
CARD = "4111-canary-1111"
OPERATED = "/workspaces/test"
URLS: dict[Path, str] = {}
"""The database of each node, by its data directory; empty: its file."""

WORKFLOWS = """
from firesteel import Message, PermanentError, Response, step, workflow

@step
def kept(value): return value

@workflow
def seen(input, message: Message):
    print("logged", input)
    kept(input)
    if b"raise" in message.body:
        raise PermanentError(f"no {input}")
    return Response({"seen": input, "bytes": message.body.decode("latin-1")})
"""

XML = b"<order no='1'><card>%b</card><name>Ann</name></order>"
PART = b'--X\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sink: HttpServer
) -> Iterator[RunningNode]:
    project = tmp_path_factory.mktemp("project")
    fill(ProjectFolder(project))
    environment = {"FIRESTEEL_WORKSPACE": "test", "FIRESTEEL_WORKERS": "1"}
    with contextlib.ExitStack() as stack:
        if request.param == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            environment["FIRESTEEL_DATABASE_URL"] = stack.enter_context(server.database())
        data_dir = tmp_path_factory.mktemp("data") / "node"
        running = stack.enter_context(running_node(data_dir, project, **environment))
        URLS[running.data_dir] = environment.get("FIRESTEEL_DATABASE_URL", "")
        yield running


def fill(project: ProjectFolder) -> None:
    project.module("work", WORKFLOWS)
    two = [
        {"api_key": {"label": label, "value": value}}
        for label, value in (("tester", KEY), ("Ann Berg", OTHER_KEY))
    ]
    trigger = {"request_response": True, "authentication": two}
    paths = ["body.card", "body.items.*.card", "body.order.card", "body.*.card"]
    project.integration(
        {
            "name": "Redacted",
            "trigger": trigger,
            "redact": [*paths, "query.card", "x-card"],
            "search": {"name": "body.name", "line": "body.order.line.0.no"},
            "workflow": {"python": "work:seen"},
        }
    )
    project.integration(
        {
            "name": "Plain",
            "trigger": {**trigger, "ordered_delivery": {"key": "body.name"}},
            "search": {"name": "body.name"},
            "workflow": {"python": "work:seen"},
        }
    )
    project.integration(
        {"name": "Held", "trigger": {"authentication": two, "ordered_delivery": True}}
        | {"workflow": {"python": "work:seen"}}
    )
    project.integration({"name": "Many", "trigger": {"authentication": two}})


def stored(node: RunningNode) -> bytes:
    """All that the store has: the files' bytes, or every row of every table."""
    url = URLS[node.data_dir]
    if not url:
        return b"".join(path.read_bytes() for path in node.data_dir.glob("firesteel.db*"))
    rows = []
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            found = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
            rows += [repr(row).encode() for row in found]
    return b"".join(rows)


def message(node: RunningNode, answer: Any) -> Any:
    return node.admin("GET", f"{OPERATED}/messages/{answer.headers['firesteel-message-id']}")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"name":"A","card":"%b","items":[{"card":"%b"},{"card":null}]}'),
        ("application/xml", XML),
        ("application/x-www-form-urlencoded", b"name=A&card=%b&card=%b"),
        ("multipart/form-data; boundary=X", PART % (b"name", b"A") + PART % (b"card", b"%b")),
        ("text/csv", b"name,card\nA,%b\n"),
        ("application/json", b'{"name":"raise","card":"%b"}'),
    ],
)
def test_a_redacted_value_is_nowhere_in_the_store_and_reaches_no_workflow(
    node: RunningNode, content_type: str, body: bytes
) -> None:
    count = body.count(b"%b")
    if b"multipart" in content_type.encode():
        body += b"--X--\r\n"
    whole = body % ((CARD.encode(),) * count)
    answer = node.call(
        f"Redacted?card={CARD}&x=1",
        content=whole,
        headers={"content-type": content_type, "x-card": CARD},
    )
    assert answer.status_code in (200, 502), answer.text
    assert CARD not in answer.text
    shown = message(node, answer)
    assert CARD not in repr(shown)
    assert shown["request"]["query"] == "card=***&x=1"
    assert ["x-card", "***"] in shown["request"]["headers"]
    assert "***" in shown["request"]["body"]["text"]
    assert CARD.encode() not in stored(node)
    assert CARD not in "".join(node.output)


def test_a_big_body_is_redacted_by_a_worker(node: RunningNode) -> None:
    body = f'{{"rest":"{"x" * 400_000}","card":"{CARD}","name":"big"}}'.encode()
    answer = node.call("Redacted", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["bytes"].encode() == body.replace(CARD.encode(), b"***")
    assert CARD.encode() not in stored(node)


@pytest.mark.parametrize("more", ["", "x" * 100_000], ids=["in the loop", "in a worker"])
def test_item_0_of_xml_is_found_where_it_is_there_once_and_where_twice(
    node: RunningNode, more: str
) -> None:
    numbers = [f"{times}-{len(more)}" for times in (1, 2)]
    for times, number in enumerate(numbers, 1):
        lines = f"<line><no>{number}</no></line>" * times
        answer = node.call(
            "Redacted",
            content=f"<order>{lines}<rest>{more}</rest></order>".encode(),
            headers={"content-type": "application/xml"},
        )
        wanted = f"search_name=line&search_value={number}&integration=Redacted"
        (found,) = node.admin("GET", f"{OPERATED}/messages?{wanted}")["items"]
        assert found["id"] == answer.headers["firesteel-message-id"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", f'{{"card":"{CARD}"}}'),
        ("text/plain", f'{{"card":"{CARD}"}}'),
        ("application/json", f'{{"card":"{CARD}"'),
    ],
)
def test_a_body_in_which_a_redacted_value_could_hide_is_refused_and_not_stored(
    node: RunningNode, content_type: str, body: str
) -> None:
    answer = node.call("Redacted", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:firesteel:body_invalid")
    assert CARD not in answer.text
    assert CARD.encode() not in stored(node)


def sent(node: RunningNode, name: str, **values: Any) -> Any:
    """A call of the consumer Ann Berg, with her name in every place."""
    return node.call(
        "Plain",
        json={"name": name, **values},
        headers={"x-api-key": OTHER_KEY, "idempotency-key": f"{name} {values}", "x-name": name},
    )


def firesteel(node: RunningNode, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FIRESTEEL_WORKSPACE": "test", "COLUMNS": "200"}
    return subprocess.run(  # our own program
        [sys.executable, "-m", "firesteel", *arguments, "--data-dir", str(node.data_dir)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


def test_all_of_a_consumer_is_erased_for_good_and_its_place_and_counts_stay(
    node: RunningNode,
) -> None:
    name = "Ann-canary-Berg"
    answers = [sent(node, name, how=how) for how in ("work", "raise")]
    replay = f"{OPERATED}/messages/{answers[0].headers['firesteel-message-id']}/replay"
    node.admin("POST", replay, json={"edit": {"text": f'{{"name":"{name} edited"}}'}})
    wait_until(lambda: message(node, answers[0])["executions"][-1]["settled_at"])
    kept = node.call("Plain", json={"name": "someone else"})
    before = node.admin("GET", f"{OPERATED}/statistics")
    assert name.encode() in stored(node)

    refused = firesteel(node, "messages", "erase", "--consumer", "Ann Berg")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    done = firesteel(node, "messages", "erase", "--consumer", "Ann Berg", "--yes", "--why", "law")
    assert done.returncode == 0, done.stderr
    assert "3 executions erased" in done.stdout

    assert name.encode() not in stored(node)
    assert node.admin("GET", f"{OPERATED}/statistics") == before
    for answer in answers:
        shown = message(node, answer)
        assert shown["erased_at"] is not None
        assert (shown["request"], shown["consumer"]) == (None, None)
        assert shown["sequence"] == int(answer.headers["firesteel-sequence"])
        path = f"{node.public_url}/test/Plain/messages/{shown['id']}"
        told = node.client.get(path, headers={"x-api-key": OTHER_KEY})
        assert told.status_code == 404
    assert message(node, kept)["request"] is not None
    # The consumer may send again, and the key that was used is new.
    again = sent(node, name, how="work")
    assert (again.status_code, "firesteel-duplicate" in again.headers) == (200, False)
    audit = node.admin("GET", "/audit", params={"action": "bulk.erase"})["items"]
    assert (audit[0]["detail"], "Ann" in repr(audit[0])) == ("law", False)
    assert "Ann" not in repr(node.admin("GET", f"{OPERATED}/bulk"))


def test_one_message_is_erased_but_not_before_it_has_ended(node: RunningNode) -> None:
    answer = node.call("Plain", json={"name": "one-canary-only"})
    node.admin("POST", f"{OPERATED}/lanes/pause", json={"integration": "Held"})
    waits = node.call("Held", json={"name": "held-canary"})
    refused = firesteel(node, "messages", "erase", message(node, waits)["id"], "--yes")
    assert refused.returncode == 5
    assert "has not ended" in refused.stderr
    done = firesteel(node, "messages", "erase", message(node, answer)["id"], "--yes")
    assert done.returncode == 0, done.stderr
    assert b"one-canary-only" not in stored(node)
    # Waiting ones are passed over, and told.
    some = firesteel(node, "messages", "erase", "-i", "Held", "--yes")
    assert some.returncode == 1
    assert "1 passed over" in some.stdout
    assert message(node, waits)["request"] is not None
    node.admin("POST", f"{OPERATED}/lanes/resume", json={"integration": "Held"})
    node.until_settled(waits)
    assert firesteel(node, "messages", "erase", "-i", "Held", "--yes").returncode == 0
    assert b"held-canary" not in stored(node)


def test_an_erasure_goes_on_after_its_engine_was_killed(node: RunningNode) -> None:
    for number in range(130):
        headers = {"x-api-key": OTHER_KEY, "idempotency-key": f"kill {number}"}
        assert node.call("Many", content=f"kill-canary-{number}", headers=headers).is_success
    before = node.admin("GET", f"{OPERATED}/statistics")
    count = node.admin(
        "GET", f"{OPERATED}/bulk/count", params={"act": "erase", "integration": "Many"}
    )
    new = {"act": "erase", "selection": {"integration": "Many"}, "until": count["until"]}
    bulk = node.admin("POST", f"{OPERATED}/bulk", json=new)
    address = f"{OPERATED}/bulk/{bulk['number']}"
    wait_until(lambda: node.admin("GET", address)["done"])
    killed = node.engine_pid
    os.kill(killed, signal.SIGKILL)

    def ended() -> Any:
        shown = when_up(lambda: node.admin("GET", address))
        return shown if shown and shown["state"] != "running" else None

    shown = wait_until(ended)
    assert (shown["state"], shown["total"], shown["passed_over"]) == ("done", 130, 0)
    assert node.engine_pid != killed
    assert re.findall(rb"kill-canary-[0-9]+", stored(node)) == []
    assert re.findall(rb"kill [0-9]+", stored(node)) == []
    assert node.admin("GET", f"{OPERATED}/statistics") == before
    assert node.call("Many").json()["sequence"] == 131


def when_up(ask: Callable[[], Any]) -> Any:
    """What a node says, or None while its engine starts."""
    try:
        return ask()
    except Exception:  # noqa: BLE001  # refused, reset, or not yet written where it listens
        return None


def test_a_workspaces_retention_is_shown_and_set(node: RunningNode) -> None:
    shown = firesteel(node, "retention")
    assert "as the node says" in shown.stdout
    assert firesteel(node, "retention", "--history", "90d", "--payloads", "7d").returncode == 0
    wanted = {"history": "90d", "payloads": "7d", "archive": None}
    assert node.admin("GET", f"{OPERATED}/retention") == wanted
    storage = node.admin("GET", "/storage")
    assert storage["workspaces"] == [{"workspace": "test", **wanted}]
    assert {(one["history_days"], one["payloads_days"]) for one in storage["integrations"]} == {
        (90.0, 7.0)
    }
    assert firesteel(node, "retention", "--payloads", "1m").returncode == 5
    longer = firesteel(node, "retention", "--payloads", "91d")
    assert longer.returncode == 5
    assert "no longer than history" in longer.stderr
    assert firesteel(node, "retention", "--history", "default").returncode == 0
    assert firesteel(node, "retention", "--archive", "on").returncode == 0
    kept = {"history": None, "payloads": "7d", "archive": True}
    assert node.admin("GET", f"{OPERATED}/retention") == kept
    assert {one["archive"] for one in node.admin("GET", "/storage")["integrations"]} == {True}
    shown = firesteel(node, "storage").stdout
    assert all(one["integration"] in shown for one in storage["integrations"])
    assert firesteel(node, "retention", "--archive", "perhaps").returncode == 2
