"""The admin port's application on a real store, with people on it; no workers, no sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from firesteel.admin.access import Doorkeeper
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.accounts.passwords import Cost
from firesteel.admin.app import AdminApp
from firesteel.engine.publishing import Publisher
from firesteel.model.rights import Right, Role
from firesteel.store.people import User, UserRights
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.attended_engine import AttendedEngine
from tests.support.empty_store import copy_empty_store
from tests.unit.admin.asgi import ask

LOCAL_TOKEN = "a-local-token-of-this-test"
PASSWORD = "correct horse battery"
CHEAP = Cost(passes=1, memory_kib=64)


class Clock:
    """Wall-clock time as the test says."""

    def __init__(self) -> None:
        self.at_us = 1_800_000_000_000_000

    def now_us(self) -> int:
        return self.at_us

    def pass_s(self, seconds: float) -> None:
        self.at_us += int(seconds * 1e6)

    def steady_s(self) -> float:
        return self.at_us / 1e6

    def chance(self) -> float:
        return 0.5

    def new_id(self) -> str:
        raise NotImplementedError


@dataclass
class Answer:
    """What the application answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        return str(self.json["type"]).removeprefix("urn:firesteel:")


@dataclass
class Client:
    """Somebody at the admin port: sends ``headers`` with every request."""

    app: AdminApp
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """``headers``: beside those of every request, ``_`` for ``-``."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            given["content-type"] = "application/json"
        sent = {**self.headers, **given}
        return Answer(*await ask(self.app, method, path, headers=sent, body=content))


@dataclass
class Office:
    """A store with its engine, and the admin port in front of them."""

    store: SqliteStore
    app: AdminApp
    accounts: Accounts
    clock: Clock
    folder: Path

    @property
    def local(self) -> Client:
        """Who has the local token."""
        return Client(self.app, {"authorization": f"Bearer {LOCAL_TOKEN}"})

    @property
    def nobody(self) -> Client:
        """Without a credential."""
        return Client(self.app)

    async def token(self, *scopes: Right, name: str = "machine") -> Client:
        """A machine with these scopes."""
        _, secret = await self.accounts.tokens.add(name, scopes, None, "local")
        return Client(self.app, {"authorization": f"Bearer {secret}"})

    async def user(
        self, name: str, role: Role, *, payloads: bool = False, reveal: bool = False
    ) -> User:
        """A user with the password of these tests."""
        rights = UserRights(role, payloads, reveal)
        _, link = await self.accounts.users.add(name, rights, "local")
        (secret,) = parse_qs(urlsplit(link.path).query)["link"]
        return await self.accounts.users.follow(secret, name, PASSWORD)

    async def signed_in(
        self, name: str, role: Role = "viewer", *, payloads: bool = False, reveal: bool = False
    ) -> Client:
        """A new user's browser, which sends the token of its pages along."""
        user = await self.user(name, role, payloads=payloads, reveal=reveal)
        return await self.browser(user)

    async def browser(self, user: User) -> Client:
        """Another browser of a user."""
        opened = await self.accounts.sessions.begin(user, address="10.0.0.1", agent="Firefox")
        found = await self.accounts.sessions.find(opened.secret)
        assert found is not None
        cookie = f"firesteel-2={opened.secret}"
        return Client(self.app, {"cookie": cookie, "x-csrf-token": found.csrf})

    async def audit(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject, latest first."""
        return [(e.actor, e.action, e.subject) for e in await self.store.catalog.audit()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def office(tmp_path: Path, clock: Clock) -> AsyncIterator[Office]:
    copy_empty_store(tmp_path / "firesteel.db")
    store = await open_store(tmp_path / "firesteel.db", wall_us=clock.now_us)
    attended = AttendedEngine(store, folder=tmp_path)
    parts = attended.parts
    accounts = Accounts(
        store.people, parts.keyring, clock=clock, settings=parts.settings, cost=CHEAP
    )
    publisher = Publisher(attended.engine, parts)
    doorkeeper = Doorkeeper(LOCAL_TOKEN, accounts)
    app = AdminApp(attended.engine, publisher, accounts, doorkeeper)
    yield Office(store, app, accounts, clock, tmp_path)
    accounts.close()
    await store.close()
