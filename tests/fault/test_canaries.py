"""P44: secrets that were sent through every input are found in clear nowhere, on both stores."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.postgres import Postgres

CANARIES = {
    name: f"canary-{name}-5d1c9e7f3b2a4860"
    for name in (
        "declared-key",
        "pasted-key",
        "wrong-key",
        "bearer",
        "basic-sent",
        "cookie",
        "proxy",
        "header-secret",
        "header-environment",
        "url-secret",
        "sql-secret",
        "database-literal",
        "signature",
        "basic-declared",
        "verify-token",
        "jwt-secret",
        "password",
        "unused-secret",
        "alert-secret",
        "alert-path",
        "mail-password",
    )
}
SECRETS = ("header-secret", "url-secret", "sql-secret", "signature", "basic-declared")
SECRETS = (*SECRETS, "verify-token", "jwt-secret", "unused-secret")
SECRETS = (*SECRETS, "alert-secret", "alert-path", "mail-password")
MODULE = """
import logging
from firesteel import Message, step, workflow

@step
def broken(value):
    raise RuntimeError("it broke")

@workflow
def fails(input, message: Message):
    print(message)
    logging.getLogger("mine").warning("headers %s", message.headers)
    broken(message.header_pairs)
"""
PAGES = (
    *("/w/test", "/w/test/integrations", "/w/test/messages", "/w/test/failed", "/w/test/lanes"),
    *("/w/test/alerts", "/w/test/alerts/channels/mail", "/w/test/alerts/channels/hook"),
    *("/w/test/connections", "/w/test/consumers", "/workers", "/storage", "/users", "/tokens"),
    *("/audit", "/settings", "/encryption", "/account"),
)


def variable(name: str) -> str:
    return name.replace("-", "_").upper()


def reference(name: str) -> str:
    return "${" + variable(name) + "}"


@dataclass
class Scene:
    """A node that is asked for everything; ``seen``: what was found where."""

    node: RunningNode
    sink: HttpServer
    folder: Path
    database: str | None
    seen: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def set(cls, folder: Path, database: str | None, *defect: tuple[str, str]) -> Iterator[Scene]:
        project, data = ProjectFolder(folder / "project"), folder / "data"
        project.module("flows", MODULE)
        data.mkdir(mode=0o700)
        environment = {
            "FIRESTEEL_LOG_LEVEL": "debug",
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
            variable("header-environment"): CANARIES["header-environment"],
            variable("declared-key"): CANARIES["declared-key"],
            **({"FIRESTEEL_DATABASE_URL": database} if database else {}),
            **dict(defect),
        }
        with HttpServer.started() as sink:
            sink.reply("/api/ok", Reply.json({}))
            sink.reply("/api/broken", Reply(500, b"no"))
            sink.reply("/api/refused", Reply(400, b"no"))
            with running_node(data, project.path, **environment) as node:
                yield cls(node, sink, folder, database)

    def fill(self) -> None:
        """Secrets, connections and triggers that use every canary."""
        put, test = self.node.admin, "/workspaces/test"
        for name in SECRETS:
            path = f"{test}/secrets/{variable(name)}"
            put("PUT", path, json={"value": CANARIES[name]})
        headers = {
            "x-token": reference("header-secret"),
            "authorization": f"Bearer {reference('header-environment')}",
        }
        secret, literal = reference("sql-secret"), CANARIES["database-literal"]
        for name, connection in {
            "good": {"http": f"{self.sink.url}/api", "headers": headers},
            "nowhere": {
                "http": "http://127.0.0.1:9/x",
                "headers": {"x-key": reference("url-secret")},
            },
            "sql": {"sql": f"postgresql+psycopg://u:{secret}@127.0.0.1:9/erp"},
            "literal": {"sql": f"postgresql+psycopg://u:{literal}@127.0.0.1:9/erp"},
        }.items():
            put("PUT", f"{test}/connections/{name}", json=connection)
            put("POST", f"{test}/connections/{name}/test")
        flows: dict[str, Any] = {
            "Python": {"python": "flows:fails"},
            "Answered": step("http", {"connection": "good", "path": "ok"}),
            "Broken": step("http", {"connection": "good", "path": "broken"}),
            "Refused": step("http", {"connection": "good", "path": "refused"}),
            "Nowhere": step("http", {"connection": "nowhere", "path": "x"}),
            "Sql": step("sql", {"connection": "sql", "statement": "select 1"}),
            "Literal": step("sql", {"connection": "literal", "statement": "select nothing"}),
        }
        ways = [
            {"api_key": {"label": "declared", "value": reference("declared-key")}},
            {"basic": {"label": "b", "username": "erp", "password": reference("basic-declared")}},
            {
                "signature": {
                    "label": "s",
                    "header": "x-signature",
                    "prefix": "sha256=",
                    "secrets": [reference("signature")],
                }
            },
            {"jwt": {"label": "j", "secret": reference("jwt-secret")}},
        ]
        for name, flow in flows.items():
            trigger = {
                "authentication": ways,
                "request_response": {"timeout": "1s"},
                "handshakes": [{"meta": {"verify_token": reference("verify-token")}}],
            }
            workflow = {**flow, "retry": {"attempts": 1, "give_up_after": "1s"}}
            document = {"name": name, "trigger": trigger, "workflow": workflow}
            put("PUT", f"{test}/integrations/{name}", json=document)
            added = {"label": "pasted", "value": CANARIES["pasted-key"]}
            put("POST", f"{test}/integrations/{name}/keys", json=added)
        self.alert()
        user = {"name": "anna", "role": "viewer"}
        put("POST", "/users", json=user)
        self.names = list(flows)

    def alert(self) -> None:
        """Channels that are there, answer with an error, and are not there."""
        put, alerts = self.node.admin, "/workspaces/test/alerts"
        mail = {"email": ["a@example.com"], "from": "f@example.com", "host": "127.0.0.1", "port": 9}
        secret, path = reference("alert-secret"), reference("alert-path")
        for name, channel in {
            "hook": {"webhook": f"{self.sink.url}/api/ok", "secret": secret},
            "chat": {"slack": f"{self.sink.url}/{path}"},
            "mail": {**mail, "user": "f", "password": reference("mail-password"), "tls": "none"},
        }.items():
            put("PUT", f"{alerts}/channels/{name}", json=channel)
            put("POST", f"{alerts}/channels/{name}/test")

    def call(self) -> None:
        """Every trigger with every kind of credential, right and wrong."""
        sent = base64.b64encode(f"erp:{CANARIES['basic-sent']}".encode()).decode()
        right = base64.b64encode(f"erp:{CANARIES['basic-declared']}".encode()).decode()
        beside = {
            "cookie": f"session={CANARIES['cookie']}",
            "proxy-authorization": f"Bearer {CANARIES['proxy']}",
        }
        offers: list[dict[str, str]] = [
            {"x-api-key": CANARIES["pasted-key"], "authorization": f"Bearer {CANARIES['bearer']}"},
            {"x-api-key": CANARIES["declared-key"]},
            {"authorization": f"Bearer {CANARIES['pasted-key']}"},
            {"authorization": f"Basic {right}"},
            {"authorization": f"Basic {sent}"},
            {"x-api-key": CANARIES["wrong-key"]},
        ]
        for name in self.names:
            for headers in offers:
                url = f"{self.node.public_url}/test/{name}"
                answer = self.node.client.post(url, headers={**beside, **headers}, json={"a": 1})
                self.keep(f"answer of {name}", answer.content + str(answer.headers).encode())
        url = f"{self.node.public_url}/test/Python"
        for token in (CANARIES["verify-token"], "wrong"):
            shake = {"hub.mode": "subscribe", "hub.challenge": "7", "hub.verify_token": token}
            self.node.client.get(url, params=shake)
        self.sign_in()

    def sign_in(self) -> None:
        """An attempt with a canary as password, and one where a name should be."""
        admin = self.node.address["admin_url"]
        for form in (
            {"name": "anna", "password": CANARIES["password"]},
            {"name": CANARIES["password"], "password": "x"},
        ):
            self.node.client.post(f"{admin}/sign-in", data=form)

    def keep(self, where: str, found: bytes) -> None:
        self.seen[where] = self.seen.get(where, b"") + found

    def look(self) -> None:
        """Into everything that the node shows, while it runs."""
        self._look_at_messages()
        admin, token = self.node.address["admin_url"], self.node.address["token"]
        headers = {"Authorization": f"Bearer {token}"}
        described = self.node.admin("GET", "/openapi.json")["paths"]
        paths = [path for path, item in described.items() if "get" in item and "stream" not in path]
        names = {"{workspace}": "test", "{name}": "Python", "{label}": "pasted", "{version}": "1"}
        for path in (*paths, *PAGES, "/metrics"):
            for key, value in names.items():
                path = path.replace(key, value)
            self.keep(path, self.node.client.get(f"{admin}{path}", headers=headers).content)
        for name in self.names:
            for part in ("", "/data", "/workflow", "/response", "/try", "/versions"):
                page = f"/w/test/integrations/{name}{part}"
                self.keep(page, self.node.client.get(f"{admin}{page}", headers=headers).content)
        if self.database is None:
            self.node.admin("POST", "/backup", json={"path": str(self.folder / "backup.db")})
            self.keep("backup", (self.folder / "backup.db").read_bytes())

    def _look_at_messages(self) -> None:
        admin, token = self.node.address["admin_url"], self.node.address["token"]
        headers = {"Authorization": f"Bearer {token}"}
        listed = self.node.admin("GET", "/workspaces/test/messages", params={"limit": 200})
        assert len(listed["items"]) >= len(self.names)
        for item in listed["items"]:
            for path in ("/api/v1/workspaces/test/messages/", "/w/test/messages/"):
                answer = self.node.client.get(f"{admin}{path}{item['id']}", headers=headers)
                assert answer.status_code == 200
                self.keep(path, answer.content)

    def look_behind(self) -> None:
        """Into files, log and database, after the node has stopped."""
        self.node.print_output()
        self.keep("log", "".join(self.node.output).encode())
        for path in (self.folder / "data").rglob("*"):
            if path.is_file() and not path.name.startswith("encryption.key"):
                self.keep(f"file {path.name}", path.read_bytes())
        if self.database is not None:
            self.keep("database", dumped(self.database))


def step(kind: str, values: dict[str, str]) -> dict[str, Any]:
    return {"steps": [{"name": "one", kind: values}]}


def dumped(url: str) -> bytes:
    """All rows of all tables, as they are stored."""
    found = b""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        for (table,) in connection.execute(query).fetchall():
            copied = f'COPY (SELECT * FROM "{table}") TO STDOUT (FORMAT binary)'
            with connection.cursor().copy(copied.encode()) as copy:
                found += b"".join(bytes(part) for part in copy)
    return found


def found_in(seen: dict[str, bytes]) -> list[tuple[str, str]]:
    """Where a canary stands in clear, or in base64 as a header would have it."""
    found = []
    for name, canary in CANARIES.items():
        plain = canary.encode()
        coded = base64.b64encode(b"erp:" + plain)[:-4]
        for where, data in seen.items():
            if plain in data or coded in data or plain.hex().encode() in data:
                found.append((where, name))
    return found


def hunted(folder: Path, database: str | None, *defect: tuple[str, str]) -> Scene:
    with Scene.set(folder, database, *defect) as scene:
        scene.fill()
        scene.call()
        scene.look()
    scene.look_behind()
    return scene


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, postgres: Postgres, migrated_database: str
) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
    else:
        with postgres.database(template=migrated_database) as url:
            yield url


def test_p44_canaries_are_found_nowhere(
    tmp_path: Path, database: str | None, report: Report
) -> None:
    scene = hunted(tmp_path, database)
    found = found_in(scene.seen)
    sent = [one.header("x-token") for one in scene.sink.received]
    misplaced = [item for item in found if not shown_to_administrators(item)]
    note = f"{len(misplaced)} found where they may not be"
    report.row("P44", "canaries looked for", cycles=len(scene.seen), note=note)
    assert CANARIES["header-secret"] in sent  # they were in use
    assert any(CANARIES["alert-path"] in one.path for one in scene.sink.received)
    assert misplaced == []
    assert len(scene.seen) > 60
    assert b"it broke" in b"".join(scene.seen.values())


def shown_to_administrators(found: tuple[str, str]) -> bool:
    """A password that was typed into a connection's URL in clear is stored as the document has it,
    with a warning, and shown to who has the right to administer."""
    where, name = found
    stored = where in ("database", "backup") or where.startswith("file firesteel.db")
    return name == "database-literal" and (stored or "connections" in where)


def test_p44_fails_when_credentials_are_stored(tmp_path: Path, report: Report) -> None:
    scene = hunted(tmp_path, None, planted("credentials_are_stored"))
    found = [name for _, name in found_in(scene.seen) if name in ("cookie", "pasted-key")]
    report.defect("P44", "credentials_are_stored", found=found != [])
    assert found != []
