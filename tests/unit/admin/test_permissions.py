"""Who may do what: every route of the REST API and of the console, for every role and right.

A route that is not in the table fails the test: whoever adds one says here whom it lets in.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from firesteel.store.people import User, UserRights
from tests.support.routes import all_routes
from tests.unit.admin.conftest import Client, Office

# Before each route the right that it needs, or several joined by ``+``; ``anybody``: a credential,
# ``open``: nothing.
TABLE = """
view        GET    /api/v1/node
view        GET    /api/v1/workspaces
view        GET    /api/v1/workspaces/{workspace}/statistics
view        GET    /api/v1/workers
view        GET    /api/v1/nodes
administer  POST   /api/v1/workers/restart
administer  POST   /api/v1/backup
administer  GET    /api/v1/backup
administer  POST   /api/v1/backup/download
view        GET    /api/v1/pause
operate     POST   /api/v1/pause
operate     POST   /api/v1/resume
view        GET    /api/v1/schema/integration
view        GET    /api/v1/schema/alerts
view        GET    /api/v1/workspaces/{workspace}/alerts
administer  PUT    /api/v1/workspaces/{workspace}/alerts
administer  DELETE /api/v1/workspaces/{workspace}/alerts
administer  PUT    /api/v1/workspaces/{workspace}/alerts/channels/{name}
administer  DELETE /api/v1/workspaces/{workspace}/alerts/channels/{name}
edit        POST   /api/v1/workspaces/{workspace}/alerts/channels/{name}/test
edit        PUT    /api/v1/workspaces/{workspace}/alerts/rules/{name}
edit        DELETE /api/v1/workspaces/{workspace}/alerts/rules/{name}
operate     PUT    /api/v1/workspaces/{workspace}/alerts/silence
operate     DELETE /api/v1/workspaces/{workspace}/alerts/silence
view        GET    /api/v1/workspaces/{workspace}/alerts/sent
view        GET    /api/v1/workspaces/{workspace}/traffic
view        GET    /api/v1/storage
view        GET    /api/v1/workspaces/{workspace}/retention
administer  PUT    /api/v1/workspaces/{workspace}/retention
administer  GET    /api/v1/settings
view        GET    /api/v1/workspaces/{workspace}/integrations
edit        POST   /api/v1/workspaces/{workspace}/integrations
view        GET    /api/v1/workspaces/{workspace}/integrations/{name}
edit        PUT    /api/v1/workspaces/{workspace}/integrations/{name}
edit        PATCH  /api/v1/workspaces/{workspace}/integrations/{name}
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/take-over
edit        DELETE /api/v1/workspaces/{workspace}/integrations/{name}
operate     POST   /api/v1/workspaces/{workspace}/integrations/{name}/try
view        POST   /api/v1/workspaces/{workspace}/integrations/{name}/snippets
view        GET    /api/v1/workspaces/{workspace}/integrations/{name}/draft
edit        PUT    /api/v1/workspaces/{workspace}/integrations/{name}/draft
edit        DELETE /api/v1/workspaces/{workspace}/integrations/{name}/draft
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/draft/publish
view        GET    /api/v1/workspaces/{workspace}/integrations/{name}/versions
view        GET    /api/v1/workspaces/{workspace}/integrations/{name}/difference
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/versions/{number}/restore
view        GET    /api/v1/workspaces/{workspace}/integrations/{name}/export
view        GET    /api/v1/workspaces/{workspace}/integrations/{name}/keys
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/keys
edit        PATCH  /api/v1/workspaces/{workspace}/integrations/{name}/keys/{label}
edit        DELETE /api/v1/workspaces/{workspace}/integrations/{name}/keys/{label}
reveal      POST   /api/v1/workspaces/{workspace}/integrations/{name}/keys/{label}/reveal
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/keys/{label}/rotate
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/keys/{label}/end-overlap
view        GET    /api/v1/workspaces/{workspace}/consumers
edit        POST   /api/v1/workspaces/{workspace}/consumers
view        GET    /api/v1/workspaces/{workspace}/consumers/{consumer}
edit        PATCH  /api/v1/workspaces/{workspace}/consumers/{consumer}
edit        DELETE /api/v1/workspaces/{workspace}/consumers/{consumer}
edit        PUT    /api/v1/workspaces/{workspace}/consumers/{consumer}/grants/{name}
edit        DELETE /api/v1/workspaces/{workspace}/consumers/{consumer}/grants/{name}
view        GET    /api/v1/workspaces/{workspace}/consumers/{consumer}/keys
edit        POST   /api/v1/workspaces/{workspace}/consumers/{consumer}/keys
edit        PATCH  /api/v1/workspaces/{workspace}/consumers/{consumer}/keys/{label}
edit        DELETE /api/v1/workspaces/{workspace}/consumers/{consumer}/keys/{label}
reveal      POST   /api/v1/workspaces/{workspace}/consumers/{consumer}/keys/{label}/reveal
edit        POST   /api/v1/workspaces/{workspace}/consumers/{consumer}/keys/{label}/rotate
edit        POST   /api/v1/workspaces/{workspace}/consumers/{consumer}/keys/{label}/end-overlap
view        GET    /api/v1/workspaces/{workspace}/expiring-keys
view        GET    /api/v1/workspaces/{workspace}/removed-integrations
view        GET    /api/v1/workspaces/{workspace}/consumers/{label}/openapi.json
view        GET    /api/v1/workspaces/{workspace}/connections
view        GET    /api/v1/workspaces/{workspace}/connections/{name}
administer  PUT    /api/v1/workspaces/{workspace}/connections/{name}
administer  DELETE /api/v1/workspaces/{workspace}/connections/{name}
edit        POST   /api/v1/workspaces/{workspace}/connections/{name}/test
view        GET    /api/v1/workspaces/{workspace}/secrets
administer  PUT    /api/v1/workspaces/{workspace}/secrets/{name}
administer  DELETE /api/v1/workspaces/{workspace}/secrets/{name}
view        GET    /api/v1/workspaces/{workspace}/messages/stream
payloads    GET    /api/v1/workspaces/{workspace}/messages/search
view        GET    /api/v1/workspaces/{workspace}/messages/failures
view        GET    /api/v1/workspaces/{workspace}/messages
view        GET    /api/v1/workspaces/{workspace}/messages/{id}
operate     POST   /api/v1/workspaces/{workspace}/messages/{id}/replay
operate     POST   /api/v1/workspaces/{workspace}/messages/{id}/cancel
operate     POST   /api/v1/workspaces/{workspace}/messages/{id}/skip
operate     POST   /api/v1/workspaces/{workspace}/messages/{id}/retry
administer  POST   /api/v1/workspaces/{workspace}/messages/{id}/erase
view        GET    /api/v1/workspaces/{workspace}/bulk
view        GET    /api/v1/workspaces/{workspace}/bulk/count
operate     POST   /api/v1/workspaces/{workspace}/bulk
view        GET    /api/v1/workspaces/{workspace}/bulk/{number}
operate     POST   /api/v1/workspaces/{workspace}/bulk/{number}/cancel
view        GET    /api/v1/workspaces/{workspace}/lanes
operate     POST   /api/v1/workspaces/{workspace}/lanes/pause
operate     POST   /api/v1/workspaces/{workspace}/lanes/resume
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/preview
edit        POST   /api/v1/workspaces/{workspace}/integrations/{name}/steps/{step}/try
edit        GET    /api/v1/workspaces/{workspace}/functions
anybody     GET    /api/v1/me
anybody     PUT    /api/v1/me/password
anybody     GET    /api/v1/sessions
anybody     DELETE /api/v1/sessions/{id}
anybody     POST   /api/v1/sessions/end-others
administer  GET    /api/v1/users
administer  POST   /api/v1/users
administer  GET    /api/v1/users/{name}
administer  PATCH  /api/v1/users/{name}
administer  DELETE /api/v1/users/{name}
administer  POST   /api/v1/users/{name}/sign-out
administer  POST   /api/v1/links
administer  GET    /api/v1/tokens
administer  POST   /api/v1/tokens
administer  DELETE /api/v1/tokens/{name}
administer  GET    /api/v1/encryption
administer  POST   /api/v1/encryption/rotate
administer  POST   /api/v1/encryption/finish
administer  GET    /api/v1/audit
open        GET    /sign-in
open        POST   /sign-in
anybody     POST   /sign-out
open        GET    /welcome
open        POST   /welcome
view        GET    /
view        GET    /w/{workspace}
view        GET    /w/{workspace}/alerts
view        GET    /w/{workspace}/alerts/channels/{name}
administer  POST   /w/{workspace}/alerts/channels/{name}
administer  POST   /w/{workspace}/alerts/channels/{name}/delete
edit        POST   /w/{workspace}/alerts/channels/{name}/test
view        GET    /w/{workspace}/alerts/rules/{name}
edit        POST   /w/{workspace}/alerts/rules/{name}
edit        POST   /w/{workspace}/alerts/rules/{name}/delete
operate     POST   /w/{workspace}/alerts/silence
operate     POST   /w/{workspace}/alerts/silence/end
view        GET    /w/{workspace}/integrations
edit        GET    /w/{workspace}/integrations/new
edit        POST   /w/{workspace}/integrations/new
edit        POST   /w/{workspace}/integrations/{name}/remove
view        GET    /w/{workspace}/integrations/{name}
edit        POST   /w/{workspace}/integrations/{name}
edit        POST   /w/{workspace}/integrations/{name}/edit
edit        POST   /w/{workspace}/integrations/{name}/keys
edit        POST   /w/{workspace}/integrations/{name}/keys/change
edit        POST   /w/{workspace}/integrations/{name}/keys/rotate
edit        POST   /w/{workspace}/integrations/{name}/keys/end-overlap
edit        POST   /w/{workspace}/integrations/{name}/keys/delete
reveal      POST   /w/{workspace}/integrations/{name}/keys/reveal
view        GET    /w/{workspace}/integrations/{name}/versions
edit        POST   /w/{workspace}/integrations/{name}/versions/restore
view        GET    /w/{workspace}/integrations/{name}/export
edit        POST   /w/{workspace}/integrations/{name}/switch
edit        POST   /w/{workspace}/integrations/{name}/discard
edit        POST   /w/{workspace}/integrations/{name}/publish
edit        POST   /w/{workspace}/integrations/{name}/take-over
view        GET    /w/{workspace}/integrations/{name}/try
operate     POST   /w/{workspace}/integrations/{name}/try
view        POST   /w/{workspace}/integrations/{name}/try/snippets
view        GET    /w/{workspace}/integrations/{name}/try/state/{id}
view        GET    /w/{workspace}/consumers
edit        POST   /w/{workspace}/consumers
view        GET    /w/{workspace}/consumers/{consumer}
edit        POST   /w/{workspace}/consumers/{consumer}/keys/add
edit        POST   /w/{workspace}/consumers/{consumer}/keys/change
edit        POST   /w/{workspace}/consumers/{consumer}/keys/rotate
edit        POST   /w/{workspace}/consumers/{consumer}/keys/end-overlap
edit        POST   /w/{workspace}/consumers/{consumer}/keys/delete
reveal      POST   /w/{workspace}/consumers/{consumer}/keys/reveal
edit        POST   /w/{workspace}/consumers/{consumer}/grants
edit        POST   /w/{workspace}/consumers/{consumer}/rename
edit        POST   /w/{workspace}/consumers/{consumer}/delete
view        GET    /w/{workspace}/consumers/{label}/api
view        GET    /w/{workspace}/consumers/{label}/openapi.json
view        GET    /w/{workspace}/connections
view        GET    /w/{workspace}/connections/{name}
administer  POST   /w/{workspace}/connections/{name}
administer  POST   /w/{workspace}/connections/{name}/delete
edit        POST   /w/{workspace}/connections/{name}/test
administer  POST   /w/{workspace}/secrets
administer  POST   /w/{workspace}/secrets/{name}/delete
view        GET    /workers
administer  POST   /workers/restart
view        GET    /storage
administer  POST   /storage/backup
administer  POST   /storage/download
view        GET    /pause
operate     POST   /pause/begin
operate     POST   /pause/end
administer  POST   /storage/retention/{workspace}
administer  GET    /settings
anybody     GET    /account
anybody     POST   /account/password
anybody     POST   /account/sessions/end-others
anybody     POST   /account/sessions/{id}/end
administer  GET    /users
administer  POST   /users
administer  GET    /users/{name}
administer  POST   /users/{name}
administer  POST   /users/{name}/link
administer  POST   /users/{name}/sign-out
administer  POST   /users/{name}/delete
administer  GET    /tokens
administer  POST   /tokens
administer  POST   /tokens/{name}/delete
administer  GET    /encryption
administer  POST   /encryption/rotate
administer  POST   /encryption/finish
administer  GET    /audit
view        GET    /w/{workspace}/integrations/{name}/data
edit        POST   /w/{workspace}/integrations/{name}/data
view        POST   /w/{workspace}/integrations/{name}/data/preview
view        GET    /w/{workspace}/integrations/{name}/workflow
edit        POST   /w/{workspace}/integrations/{name}/workflow
edit        POST   /w/{workspace}/integrations/{name}/workflow/move
edit        POST   /w/{workspace}/integrations/{name}/workflow/remove
edit        GET    /w/{workspace}/integrations/{name}/workflow/add
view        GET    /w/{workspace}/integrations/{name}/workflow/steps/{step}
edit        POST   /w/{workspace}/integrations/{name}/workflow/step
view        POST   /w/{workspace}/integrations/{name}/workflow/preview
edit        POST   /w/{workspace}/integrations/{name}/workflow/try
view        GET    /w/{workspace}/integrations/{name}/response
edit        POST   /w/{workspace}/integrations/{name}/response
view        POST   /w/{workspace}/integrations/{name}/response/preview
view        GET    /w/{workspace}/messages
view        GET    /w/{workspace}/messages/stream
payloads    GET    /w/{workspace}/messages/found
view        GET    /w/{workspace}/messages/{id}
operate+payloads GET    /w/{workspace}/messages/{id}/edit
operate     POST   /w/{workspace}/messages/{id}/replay
operate+payloads POST   /w/{workspace}/messages/{id}/edit
administer  POST   /w/{workspace}/messages/{id}/erase
operate     POST   /w/{workspace}/messages/{id}/{act}
view        GET    /w/{workspace}/failed
operate     GET    /w/{workspace}/bulk/new
operate     POST   /w/{workspace}/bulk
view        GET    /w/{workspace}/bulk/{number}
operate     POST   /w/{workspace}/bulk/{number}/cancel
view        GET    /w/{workspace}/lanes
operate     POST   /w/{workspace}/lanes/pause
operate     POST   /w/{workspace}/lanes/resume
"""
ROUTES = {
    (method, path): needs for needs, method, path in map(str.split, TABLE.strip().splitlines())
}

PEOPLE = {
    "viewer": UserRights("viewer"),
    "operator": UserRights("operator"),
    "editor": UserRights("editor"),
    "admin": UserRights("admin"),
    "viewer with payloads": UserRights("viewer", sees_payloads=True),
    "viewer with reveal": UserRights("viewer", reveals_keys=True),
    "operator with payloads": UserRights("operator", sees_payloads=True),
}
# Whom a right lets in, written out by hand: the code that is tested has its own table.
LETS_IN = {
    "view": set(PEOPLE),
    "operate": {"operator", "editor", "admin", "operator with payloads"},
    "edit": {"editor", "admin"},
    "administer": {"admin"},
    "payloads": {"viewer with payloads", "operator with payloads"},
    "reveal": {"viewer with reveal"},
    "anybody": set(PEOPLE),
    "open": set(PEOPLE),
}
# A refusal is waited for; whoever is let in has found his work begun after the lesser time.
REFUSED_S, LET_IN_S = 60.0, 0.5


def lets_in(needs: str, who: str) -> bool:
    """``needs``: rights joined by ``+``, all of which must be there."""
    return all(who in LETS_IN[right] for right in needs.split("+"))


def filled(path: str) -> str:
    """The path with names of what is not there: who is let in gets 404 at most."""
    names = {"workspace": "nowhere", "name": "nobody", "number": "1", "id": "0" * 24}
    return re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], "nothing"), path)


async def let_in(client: Client, method: str, path: str, *, expected: bool) -> int | None:
    """The status; None where whoever asks was let in and the work behind the door has begun, which
    in these tests has no workers and no end of its own."""
    patience_s = LET_IN_S if expected else REFUSED_S
    try:
        answer = await asyncio.wait_for(client(method, filled(path)), patience_s)
    except Exception:  # noqa: BLE001  # whatever the work behind the door ran into
        return None
    return answer.status


@pytest.fixture
async def office(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """With both applications loaded; the document of the REST API takes seconds to write, and
    nobody reads it here."""
    monkeypatch.setattr("firesteel.admin.api.openapi", lambda _app: {})
    for path in ("/api/v1/openapi.json", "/sign-in"):
        await office.nobody("GET", path)
    return office


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the work behind the door runs into is no news here."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**kept)


def test_every_route_is_in_the_table_and_no_other() -> None:
    found = all_routes()
    assert sorted(found) == sorted(ROUTES)
    assert len(found) == len(set(found)), "two routes with one address: the second is never reached"
    assert {right for needs in ROUTES.values() for right in needs.split("+")} <= set(LETS_IN)


def test_without_a_credential_only_sign_in_and_links_are_open() -> None:
    assert {path for (_, path), needs in ROUTES.items() if needs == "open"} == {
        "/sign-in",
        "/welcome",
    }


async def test_p43_without_a_credential_every_route_is_refused_or_leads_to_the_sign_in(
    office: Office,
) -> None:
    for (method, path), needs in ROUTES.items():
        if needs == "open":
            continue
        answer = await office.nobody(method, filled(path))
        assert answer.status == 401, (method, path)
        if not path.startswith("/api/"):
            browsing = await office.nobody(method, filled(path), accept="text/html")
            assert browsing.status == 303, (method, path)
            assert browsing.headers["location"].startswith("/sign-in"), (method, path)
            assert browsing.body == b"", (method, path)


async def test_every_route_lets_in_who_has_its_right_and_nobody_else(office: Office) -> None:
    wrong = []
    for who, rights in PEOPLE.items():
        user = await member(office, rights, who.replace(" ", "-"))
        client = await office.browser(user)
        for (method, path), needs in ROUTES.items():
            expected = lets_in(needs, who)
            status = await let_in(client, method, path, expected=expected)
            if path == "/sign-out":
                client = await office.browser(user)
            refused = status in (401, 403) and needs != "open"
            if refused == expected or (not expected and status != 403):
                wrong.append((who, method, path, needs, status))
    assert wrong == []


async def test_a_token_is_let_in_by_its_scopes_alone(office: Office) -> None:
    who = "editor"
    rights = {need for need, people in LETS_IN.items() if who in people} - {"anybody", "open"}
    client = await office.token(*sorted(rights))  # type: ignore[arg-type]
    only_users = {"/api/v1/me/password", "/api/v1/sessions/end-others"}
    wrong = []
    for (method, path), needs in ROUTES.items():
        if path.startswith("/api/") and path not in only_users:
            expected = lets_in(needs, who)
            status = await let_in(client, method, path, expected=expected)
            if (status in (401, 403)) == expected:
                wrong.append((method, path, needs, status))
    assert wrong == []


async def test_every_change_by_a_session_is_refused_where_another_page_sent_it(
    office: Office,
) -> None:
    user = await member(office, UserRights("admin", sees_payloads=True, reveals_keys=True))
    client = await office.browser(user)
    for (method, path), needs in ROUTES.items():
        if method == "GET":
            continue
        forgeries = [{"sec_fetch_site": "same-site"}]
        if needs != "open":
            forgeries.append({"x_csrf_token": "0" * 64})
        for forged in forgeries:
            answer = await client(method, filled(path), **forged)
            assert answer.status == 403, (method, path)
            assert b"forged_request" in answer.body, (method, path)


async def member(office: Office, rights: UserRights, name: str = "anna") -> User:
    return await office.user(
        name, rights.role, payloads=rights.sees_payloads, reveal=rights.reveals_keys
    )
