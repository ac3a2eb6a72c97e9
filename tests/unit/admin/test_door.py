"""The admin port's door: what is open, and that nothing else is (P43)."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from firesteel.admin import api
from firesteel.admin.access import ALL_RIGHTS, Access, Doorkeeper
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.api import create_api
from firesteel.admin.app import AdminApp
from firesteel.admin.console.pages.sign_in import own_path
from firesteel.admin.visitor import Visitor
from firesteel.errors import CallerError
from firesteel.model.forwarded import Proxies
from firesteel.settings import load_settings
from tests.unit.admin.asgi import ask
from tests.unit.admin.conftest import Office

TOKEN = "a-local-token-of-this-test"


@pytest.fixture
def app() -> AdminApp:
    # Nothing behind the door is reached by these tests, so there is nothing behind it.
    nothing: Any = None
    engine: Any = SimpleNamespace(settings=load_settings({}, {}, None))
    accounts = Accounts(nothing, nothing, clock=nothing, settings=engine.settings)
    return AdminApp(engine, nothing, accounts, Doorkeeper(TOKEN, accounts))


def mutations(path: str) -> list[str]:
    """Ways in which a path was made to look like an open one elsewhere."""
    return [
        path,
        path + "/",
        path + "//",
        "/" + path,
        path.upper(),
        path + "/openapi.json",
        path + "/health/live",
        path + ".json",
        path + ";/health/live",
        path + "%2f..%2fhealth/live",
        path + "/../openapi.json",
        path.replace("/api/v1", "/api/v1/."),
        path.replace("/api/v1", "/api/v1/health/../"),
        path.replace("/api/v1", "/health/live/../../api/v1"),
        path.replace("/api/v1", "//api/v1"),
        path.replace("/api", "/API"),
    ]


def paths() -> list[str]:
    nothing: Any = None
    found = create_api(nothing, nothing, nothing).openapi()["paths"]
    return [path.replace("{", "").replace("}", "") for path in found]


async def test_p43_without_a_credential_every_route_is_401_or_404(app: AdminApp) -> None:
    for path in paths():
        for mutation in mutations(path):
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
                status, _, _ = await ask(app, method, mutation)
                assert status in (401, 404), (method, mutation)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"],
)
async def test_a_wrong_credential_is_401(app: AdminApp, authorization: str) -> None:
    status, headers, body = await ask(
        app, "GET", "/api/v1/node", headers={"authorization": authorization}
    )

    assert status == 401
    assert headers["www-authenticate"].startswith("Bearer")
    assert json.loads(body)["type"] == "urn:firesteel:unauthorized"


async def test_the_openapi_document_is_open_and_describes_every_error_as_a_problem(
    app: AdminApp,
) -> None:
    status, _, body = await ask(app, "GET", "/api/v1/openapi.json")

    document = json.loads(body)
    assert status == 200
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            problems = [code for code in operation["responses"] if code >= "400"]
            assert "401" in problems, (method, path)
            for code in problems:
                content = operation["responses"][code]["content"]
                assert list(content) == ["application/problem+json"], (method, path, code)


async def test_liveness_is_open(app: AdminApp) -> None:
    status, _, body = await ask(app, "GET", "/health/live")

    assert (status, body) == (200, b'{"live":true}')


def test_a_right_that_is_missing_is_refused() -> None:
    access = Access("somebody", frozenset({"view"}))

    access.require("view")
    with pytest.raises(CallerError) as refused:
        access.require("operate")
    assert refused.value.code == "forbidden"


async def test_the_local_token_has_every_right() -> None:
    nothing: Any = None
    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    access = await Doorkeeper(TOKEN, nothing).access(Visitor({"headers": headers}))

    assert access is not None
    assert access.rights == ALL_RIGHTS


@pytest.mark.parametrize(
    ("proxies", "address", "secure"),
    [
        (Proxies(), "10.0.0.9", False),
        (Proxies(["10.0.0.9/32"]), "192.0.2.1", True),
        (Proxies(["10.0.0.9/32"], "forwarded"), "unknown", False),
    ],
)
def test_who_comes_is_what_a_listed_proxy_says(
    proxies: Proxies, address: str, *, secure: bool
) -> None:
    headers = [
        (b"x-forwarded-for", b"6.6.6.6, 192.0.2.1"),
        (b"x-forwarded-proto", b"https"),
        (b"forwarded", b'for="'),
    ]
    scope = {"headers": headers, "client": ("10.0.0.9", 5), "server": ("10.0.0.1", 81)}
    visitor = Visitor(scope, proxies)

    assert (visitor.address, visitor.secure) == (address, secure)
    assert visitor.cookie_name == ("__Host-firesteel-81" if secure else "firesteel-81")


async def test_what_a_request_began_to_load_is_loaded_once_although_it_went_away(
    app: AdminApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_go_on = threading.Event(), threading.Event()
    loaded = []

    def create(*_parts: Any) -> Any:
        began.set()
        assert may_go_on.wait(30)
        loaded.append(create_api(*_parts))
        return loaded[-1]

    monkeypatch.setattr(api, "create_api", create)
    authorization = {"authorization": f"Bearer {TOKEN}"}
    first = asyncio.create_task(ask(app, "GET", "/api/v1/nothing", headers=authorization))
    assert await asyncio.to_thread(began.wait, 30)
    first.cancel()
    await asyncio.wait((first,))
    second = asyncio.create_task(ask(app, "GET", "/api/v1/nothing", headers=authorization))
    may_go_on.set()
    status, _, _ = await second
    assert (status, len(loaded)) == (404, 1)


async def test_nothing_of_the_rest_api_is_kept_on_the_way(office: Office) -> None:
    for client in (office.local, office.nobody):
        for path in ("me", "nothing", "settings", "audit?limit=none"):
            answer = await client("GET", f"/api/v1/{path}")
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["x-content-type-options"] == "nosniff", path


@pytest.mark.parametrize(
    "address",
    ["/w/demo/messages?state=failed&consumer=web%20shop", "/w/demo/consumers/web%20a%2Fb/api"],
)
async def test_the_way_over_the_sign_in_leads_to_the_whole_address(
    office: Office, address: str
) -> None:
    sent = await office.nobody("GET", address, accept="text/html")
    (to,) = parse_qs(urlsplit(sent.headers["location"]).query)["next"]
    assert to == address
    assert own_path(to) == address


@pytest.mark.parametrize("name", ["a" * 300, "nowhere/a", ""])
async def test_a_path_to_which_no_backup_can_be_written_is_refused(
    office: Office, name: str
) -> None:
    refused = await office.local("POST", "/api/v1/backup", {"path": f"{office.folder}/{name}"})
    assert refused.code in ("invalid_request", "target_exists")


async def test_a_backup_replaces_nothing(office: Office) -> None:
    link, file = office.folder / "link", office.folder / "file"
    file.write_text("mine")
    link.symlink_to(office.folder / "absent")
    for path in (link, file):
        refused = await office.local("POST", "/api/v1/backup", {"path": str(path)})
        assert (refused.status, refused.code) == (409, "target_exists")
    assert file.read_text() == "mine"
    assert not (office.folder / "absent").exists()
