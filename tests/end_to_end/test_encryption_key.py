"""The encryption key of a running node is changed by command; no call is lost, no secret either."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from firesteel.model.encryption_key import parse_key
from tests.end_to_end.several_nodes.conftest import refused
from tests.support.cluster import Cluster, Member, balanced, new_key
from tests.support.http_server import HttpServer, Reply
from tests.support.node import AUTHENTICATION, KEY, RunningNode, launch_node, running_node
from tests.support.postgres import Postgres

PASTED = "a-pasted-key-of-a-partner"
TOKEN = "the token of the ERP"
DOCUMENT: dict[str, Any] = {
    "name": "Ask",
    "trigger": {
        "request_response": True,
        "authentication": [*AUTHENTICATION, {"api_key": {"label": "pasted", "value": PASTED}}],
    },
    "workflow": {"steps": [{"name": "erp", "http": {"connection": "erp", "path": "item"}}]},
}


def command(node: RunningNode, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of ``firesteel`` on the node."""
    return subprocess.run(
        [sys.executable, "-m", "firesteel", *words],
        env={**os.environ, "FIRESTEEL_DATA_DIR": str(node.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def publish(node: RunningNode, sink: HttpServer) -> str:
    """An integration whose step sends a secret; the secret of an API token that was made."""
    sink.reply("/item", Reply.json({"price": 1}))
    node.admin("PUT", "/workspaces/test/secrets/ERP_TOKEN", json={"value": TOKEN})
    erp = {"http": sink.url, "headers": {"x-token": "${ERP_TOKEN}"}}
    node.admin("PUT", "/workspaces/test/connections/erp", json=erp)
    node.admin("PUT", "/workspaces/test/integrations/Ask", json=DOCUMENT)
    made = node.admin("POST", "/tokens", json={"name": "nightly", "scopes": ["view"]})
    return str(made["secret"])


def to_file_is_refused(node: RunningNode, file: Path) -> None:
    """A node alone with its key file has no key to give away: nothing changes."""
    before = node.admin("GET", "/encryption")
    done = command(node, "secrets", "rotate", "--to", str(file))
    assert (done.returncode, file.exists()) == (2, False), done.stderr
    assert "run it without --to" in " ".join(done.stderr.split())
    assert node.admin("GET", "/encryption") == before
    assert before["at_once"] is True


def sees(node: RunningNode, token: str) -> int:
    """The status that an API token gets."""
    url = f"{node.address['admin_url']}/api/v1/nodes"
    return node.client.get(url, headers={"Authorization": f"Bearer {token}"}).status_code


def all_is_kept(node: RunningNode, sink: HttpServer, token: str) -> None:
    """Keys, the secret of the connection and the API token are what they were."""
    for key in (KEY, PASTED):
        answer = node.call("Ask", headers={"x-api-key": key})
        assert (answer.status_code, answer.json()) == (200, {"price": 1})
    assert sink.received[-1].header("x-token") == TOKEN
    reveal = "/workspaces/test/integrations/Ask/keys/pasted/reveal"
    assert node.admin("POST", reveal)["secret"] == PASTED
    assert sees(node, token) == 200


class Callers:
    """Call one after the other until the block ends; ``answers``: the statuses."""

    def __init__(self, url: str) -> None:
        self.url, self.answers, self._over = url, [0] * 0, threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(2)]

    def _call(self) -> None:
        with httpx2.Client(timeout=60) as client:
            while not self._over.is_set():
                # A connection that a stopping node closes is another test's.
                with contextlib.suppress(httpx2.TransportError):
                    answer = client.post(f"{self.url}/test/Ask", headers={"x-api-key": PASTED})
                    self.answers.append(answer.status_code)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)


@pytest.fixture
def sink() -> Iterator[HttpServer]:
    with HttpServer.started() as server:
        yield server


def test_p47_a_node_alone_changes_its_key_by_one_command_while_calls_go_on(
    tmp_path: Path, sink: HttpServer
) -> None:
    outgoing = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"}
    data_dir = tmp_path / "data"
    with running_node(data_dir, **outgoing) as node:
        token = publish(node, sink)
        former = (data_dir / "encryption.key").read_text()
        to_file_is_refused(node, tmp_path / "next.key")
        all_is_kept(node, sink, token)
        with Callers(node.public_url) as callers:
            for _ in range(5):
                done = command(node, "secrets", "rotate")
                assert done.returncode == 0, done.stderr
        assert set(callers.answers) == {200}
        assert "the one before is kept as encryption.key.before-" in done.stdout
        all_is_kept(node, sink, token)
        state = node.admin("GET", "/encryption")
        assert (state["next_key"], state["to_reseal"]) == (None, 0)
        entries = node.admin("GET", "/audit", params={"action": "encryption"})["items"]
        assert len(entries) == 10
    keys = sorted(path.name for path in data_dir.glob("encryption.key*"))
    assert len(keys) == 6
    for name in keys:
        assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600
    written = b"".join(
        path.read_bytes() for path in data_dir.iterdir() if not path.name.startswith("encryption")
    )
    for name in keys:
        text = (data_dir / name).read_text().strip()
        assert text.encode() not in written
        assert parse_key(text) not in written
        assert text not in "".join(node.output)

    with running_node(data_dir, **outgoing) as node:
        all_is_kept(node, sink, token)
    (data_dir / "encryption.key").write_text(former)
    assert "wrong_encryption_key" in refused(launch_node(data_dir, **outgoing))


def test_p47_several_nodes_change_their_key_one_after_the_other_and_no_call_is_refused_for_it(
    tmp_path: Path, sink: HttpServer, postgres: Postgres, migrated_database: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    with postgres.database(template=migrated_database) as url:
        environment = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
        }
        cluster = Cluster(tmp_path, project, environment)
        one, two = cluster.add("one"), cluster.add("two")
        try:
            cluster.start()
            changed(cluster, one, two, sink)
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()


def changed(cluster: Cluster, one: Member, two: Member, sink: HttpServer) -> None:
    token = publish(one.running, sink)
    file = cluster.folder / "next.key"
    former = {"FIRESTEEL_ENCRYPTION_KEY": one.environment["FIRESTEEL_ENCRYPTION_KEY"]}
    early = command(one.running, "secrets", "rotate", "--finish")
    assert "no change of the encryption key was begun" in early.stderr
    with balanced([one, two]) as port, Callers(f"http://127.0.0.1:{port}") as callers:
        begun = command(one.running, "secrets", "rotate", "--to", str(file))
        assert begun.returncode == 0, begun.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() not in begun.stdout + begun.stderr
        for member in (one, two):
            unfinished = command(one.running, "secrets", "rotate", "--finish")
            assert "still with the key before" in unfinished.stderr
            member.stop()
            member.environment["FIRESTEEL_ENCRYPTION_KEY"] = file.read_text().strip()
            member.start()
        done = command(two.running, "secrets", "rotate", "--finish")
        assert done.returncode == 0, done.stderr
        for member in (one, two):
            all_is_kept(member.running, sink, token)
    assert set(callers.answers) - {503} == {200}  # 503: a node that stops, as at any restart
    assert len(callers.answers) > 10
    one.stop()
    one.environment |= former
    one.launch()
    assert "wrong_encryption_key" in refused(one.running)
    one.node = None
