"""P47: a node that dies while its encryption key is changed has lost no API key and no secret."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.http_server import HttpServer, Reply
from tests.support.node import RunningNode, running_node, wait_until

CYCLES = {"quick": 3, "full": 100, "soak": 1_000}
KEYS = 1_000
ASKED = 20
LATEST_KILL_S = 0.4
TOKEN = "the-token-of-the-erp"


@dataclass
class Scene:
    """A node with many API keys and one secret, which its workflow sends."""

    node: RunningNode
    sink: HttpServer

    @classmethod
    @contextlib.contextmanager
    def set(cls, folder: Path, *defect: tuple[str, str]) -> Iterator[Scene]:
        environment = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", "FIRESTEEL_WORKERS": "1"}
        data_dir = folder / "data"
        with (
            HttpServer.started() as sink,
            running_node(data_dir, **environment, **dict(defect)) as node,
        ):
            scene = cls(node, sink)
            scene.fill()
            yield scene

    def fill(self) -> None:
        self.sink.reply("/item", Reply.json({}))
        erp = {"http": self.sink.url, "headers": {"x-token": "${ERP_TOKEN}"}}
        keys = [{"api_key": {"label": f"k{n}", "value": secret(n)}} for n in range(KEYS)]
        document = {
            "name": "Ask",
            "trigger": {"request_response": True, "authentication": keys},
            "workflow": {"steps": [{"name": "erp", "http": {"connection": "erp", "path": "item"}}]},
        }
        self.node.admin("PUT", "/workspaces/test/secrets/ERP_TOKEN", json={"value": TOKEN})
        self.node.admin("PUT", "/workspaces/test/connections/erp", json=erp)
        self.node.admin("PUT", "/workspaces/test/integrations/Ask", json=document)

    def killed_while_it_rotates(self, after_s: float) -> None:
        """Ask for another key, and kill the engine so long after; ready again at the end."""
        rotating = threading.Thread(target=self._rotate)
        pid = self.node.engine_pid
        rotating.start()
        rotating.join(after_s)
        self.node.kill_engine()
        rotating.join(60)
        wait_until(lambda: self.node.engine_pid != pid)
        self.node.wait_ready()

    def _rotate(self) -> None:
        with contextlib.suppress(httpx2.HTTPError):
            self.node.admin("POST", "/encryption/rotate")

    def lost(self, chosen: list[int]) -> int:
        """How many of these keys let no call in, or whose call has sent another token."""
        lost = 0
        for number in chosen:
            answer = self.node.call("Ask", headers={"x-api-key": secret(number)})
            sent = self.sink.received[-1].header("x-token") if self.sink.received else None
            lost += answer.status_code != 200 or sent != TOKEN
        return lost


def secret(number: int) -> str:
    return f"secret-of-consumer-{number:04}"


def test_p47_killed_at_any_moment_of_a_change_the_key_opens_everything(
    size: Size, tmp_path: Path, report: Report
) -> None:
    lost = 0
    chance = random.Random(47)
    with Scene.set(tmp_path) as scene:
        for _ in range(CYCLES[size]):
            scene.killed_while_it_rotates(chance.random() * LATEST_KILL_S)
            lost += scene.lost(chance.sample(range(KEYS), ASKED))
        scene.node.admin("POST", "/encryption/rotate")
        lost += scene.lost(list(range(KEYS)))
        state = scene.node.admin("GET", "/encryption")
    calls = CYCLES[size] * ASKED + KEYS
    report.row(
        "P47",
        "killed during a change of the key",
        cycles=CYCLES[size],
        acknowledged=calls,
        lost=lost,
    )
    assert (state["next_key"], state["to_reseal"]) == (None, 0)
    assert lost == 0


def test_p47_fails_when_data_keys_are_let_go_at_once(tmp_path: Path, report: Report) -> None:
    chance = random.Random(47)
    with Scene.set(tmp_path, planted("data_keys_let_go_at_once")) as scene:
        scene.node.admin("POST", "/encryption/rotate")
        lost = scene.lost(chance.sample(range(KEYS), ASKED))
    report.defect("P47", "data_keys_let_go_at_once", found=lost > 0)
    assert lost > 0
