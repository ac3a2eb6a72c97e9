"""Users, sessions and tokens over the REST API, on a real store."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.errors import CallerError
from firesteel.model.api_token import is_token
from tests.unit.admin.conftest import PASSWORD, Client, Office

# --- users and links ----------------------------------------------------------------------------


async def test_a_new_user_comes_in_by_the_link_of_the_answer(office: Office) -> None:
    added = await office.local("POST", "/api/v1/users", {"name": "Anna", "role": "admin"})
    assert added.status == 201
    assert (added.json["name"], added.json["has_password"]) == ("anna", False)
    secret = added.json["link"]["path"].removeprefix("/welcome?link=")

    await office.accounts.users.follow(secret, "", PASSWORD)

    signed_in = await office.accounts.users.sign_in("ANNA", PASSWORD, "10.0.0.1")
    assert signed_in.name == "anna"
    found = await office.local("GET", "/api/v1/users/anna")
    assert found.json["has_password"] is True


async def test_roles_and_rights_act_at_once(office: Office) -> None:
    await office.user("root", "admin")
    bert = await office.signed_in("bert")
    assert (await bert("GET", "/api/v1/me")).json == {
        "name": "user:bert",
        "kind": "user",
        "role": "viewer",
        "rights": ["view"],
    }
    changes: dict[str, Any] = {"role": "editor", "reveal": True}
    assert (await office.local("PATCH", "/api/v1/users/bert", changes)).status == 200
    assert (await bert("GET", "/api/v1/me")).json["rights"] == ["view", "reveal", "operate", "edit"]
    assert (await office.local("PATCH", "/api/v1/users/bert", {"enabled": False})).status == 200
    assert (await bert("GET", "/api/v1/me")).status == 401


async def test_the_last_administrator_is_kept(office: Office) -> None:
    anna = await office.signed_in("anna", "admin")
    for answer in (
        await anna("DELETE", "/api/v1/users/anna"),
        await anna("PATCH", "/api/v1/users/anna", {"role": "viewer"}),
        await anna("PATCH", "/api/v1/users/anna", {"enabled": False}),
    ):
        assert (answer.status, answer.code) == (409, "last_administrator")


async def test_a_link_for_the_first_administrator_is_made_only_while_there_is_none(
    office: Office,
) -> None:
    assert (await office.local("POST", "/api/v1/links", {})).status == 201
    await office.user("anna", "admin")
    refused = await office.local("POST", "/api/v1/links", {})
    assert (refused.status, refused.code) == (409, "link_invalid")
    assert (await office.local("POST", "/api/v1/links", {"user": "anna"})).status == 201
    assert (await office.local("POST", "/api/v1/links", {"user": "nobody"})).status == 404


async def test_an_administrator_signs_a_user_out_everywhere(office: Office) -> None:
    anna = await office.signed_in("anna", "admin")
    bert = await office.signed_in("bert")
    ended = await anna("POST", "/api/v1/users/bert/sign-out")
    assert ended.json == {"ended": 1}
    assert (await bert("GET", "/api/v1/me")).status == 401
    assert (await anna("GET", "/api/v1/me")).status == 200


# --- sessions -----------------------------------------------------------------------------------


async def test_a_user_sees_and_ends_their_own_sessions_and_nobody_elses(office: Office) -> None:
    user = await office.user("anna", "admin")
    one, two, three = [await office.browser(user) for _ in range(3)]
    bert = await office.signed_in("bert")
    listed = (await one("GET", "/api/v1/sessions")).json
    assert len(listed) == 3
    assert [item["agent"] for item in listed] == ["Firefox"] * 3
    assert sum(item["current"] for item in listed) == 1
    (own,) = [item["id"] for item in (await two("GET", "/api/v1/sessions")).json if item["current"]]
    assert (await bert("DELETE", f"/api/v1/sessions/{own}")).code == "unknown_session"

    assert (await one("DELETE", f"/api/v1/sessions/{own}")).status == 204
    assert (await two("GET", "/api/v1/me")).status == 401
    assert (await one("POST", "/api/v1/sessions/end-others")).json == {"ended": 1}
    assert (await three("GET", "/api/v1/me")).status == 401
    assert (await one("GET", "/api/v1/me")).status == 200


async def test_a_session_ends_without_use_and_at_its_absolute_end(office: Office) -> None:
    anna = await office.signed_in("anna")
    for _ in range(13):
        office.clock.pass_s(11 * 3600)
        assert (await anna("GET", "/api/v1/me")).status == 200
        await office.accounts.write_uses()
    for _ in range(3):
        office.clock.pass_s(8.4 * 3600)
        last = await anna("GET", "/api/v1/me")
    assert last.status == 401, "seven days are over"

    again = await office.signed_in("bert")
    office.clock.pass_s(12 * 3600)
    assert (await again("GET", "/api/v1/me")).status == 401, "twelve hours without use"


async def test_a_page_that_only_listens_does_not_keep_a_session_alive(office: Office) -> None:
    anna = await office.signed_in("anna")
    office.clock.pass_s(11 * 3600)
    assert (await anna("GET", "/api/v1/me", accept="text/event-stream")).status == 200
    office.clock.pass_s(3600)
    assert (await anna("GET", "/api/v1/me")).status == 401


async def test_another_password_ends_the_other_sessions(office: Office) -> None:
    user = await office.user("anna", "viewer")
    one, two = await office.browser(user), await office.browser(user)
    body = {"current": PASSWORD, "new": "another horse battery"}
    assert (await one("PUT", "/api/v1/me/password", body)).status == 204
    assert (await two("GET", "/api/v1/me")).status == 401
    assert (await one("GET", "/api/v1/me")).status == 200
    assert await office.accounts.users.sign_in("anna", body["new"], "10.0.0.1")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"current": "a wrong password", "new": "another horse battery"}, "password_wrong"),
        ({"current": PASSWORD, "new": "too short"}, "password_weak"),
        ({"current": PASSWORD, "new": "annaannaanna"}, "password_weak"),
        ({"current": PASSWORD, "new": "aaaaaaaaaaaab"}, "password_weak"),
    ],
)
async def test_a_password_is_changed_by_who_knows_it_and_to_a_long_one(
    office: Office, body: dict[str, str], code: str
) -> None:
    anna = await office.signed_in("anna")
    refused = await anna("PUT", "/api/v1/me/password", body)
    assert (refused.status, refused.code) == (422, code)


async def test_guessing_the_password_of_an_open_session_is_limited(office: Office) -> None:
    anna = await office.signed_in("anna")
    body = {"current": "a wrong password", "new": "another horse battery"}
    answers = [await anna("PUT", "/api/v1/me/password", body) for _ in range(11)]
    assert [answer.status for answer in answers] == [422] * 10 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 900


# --- requests from elsewhere --------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {"x_csrf_token": ""},
        {"x_csrf_token": "0" * 64},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://127.0.0.1:8080", "host": "127.0.0.1:8081"},
        {"origin": "null", "host": "127.0.0.1:8081"},
    ],
)
async def test_a_change_that_another_page_makes_the_browser_send_is_refused(
    office: Office, forged: dict[str, str]
) -> None:
    anna = await office.signed_in("anna", "admin")
    refused = await anna("POST", "/api/v1/users", {"name": "eve", "role": "admin"}, **forged)
    assert (refused.status, refused.code) == (403, "forged_request")
    assert len(await office.store.people.users()) == 1


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"origin": "http://127.0.0.1:8081", "host": "127.0.0.1:8081"},
    ],
)
async def test_a_change_of_the_consoles_own_page_is_taken(
    office: Office, own: dict[str, str]
) -> None:
    anna = await office.signed_in("anna", "admin")
    added = await anna("POST", "/api/v1/users", {"name": "bert", "role": "viewer"}, **own)
    assert added.status == 201


async def test_a_token_of_another_session_is_no_token(office: Office) -> None:
    user = await office.user("anna", "admin")
    one, two = await office.browser(user), await office.browser(user)
    forged = {"x_csrf_token": two.headers["x-csrf-token"]}
    assert (await one("POST", "/api/v1/links", {}, **forged)).status == 403


async def test_two_cookies_of_the_sessions_name_are_none(office: Office) -> None:
    anna = await office.signed_in("anna")
    twice = f"{anna.headers['cookie']}; {anna.headers['cookie']}"
    assert (await anna("GET", "/api/v1/me", cookie=twice)).status == 401


async def test_beside_an_authorization_header_the_cookie_counts_for_nothing(
    office: Office,
) -> None:
    anna = await office.signed_in("anna")
    assert (await anna("GET", "/api/v1/me", authorization="Bearer wrong")).status == 401


async def test_the_cookie_of_a_session_opens_only_under_the_name_of_its_port_and_scheme(
    office: Office,
) -> None:
    anna = await office.signed_in("anna")
    secret = anna.headers["cookie"].partition("=")[2]
    for name in ("firesteel", "firesteel-3", "__Host-firesteel-2", "Firesteel-2"):
        assert (await anna("GET", "/api/v1/me", cookie=f"{name}={secret}")).status == 401


async def test_a_sign_in_that_fails_is_audited_without_what_was_typed(office: Office) -> None:
    await office.user("anna", "admin")
    for name in ("Anna", "my own password"):
        with pytest.raises(CallerError, match="name or password"):
            await office.accounts.users.sign_in(name, "hunter2 hunter2", "10.0.0.9")
    entries = (await office.local("GET", "/api/v1/audit?action=user.refuse")).json["items"]
    assert [(e["actor"], e["subject"], e["detail"]) for e in entries] == [
        ("nobody", "nobody", "from 10.0.0.9"),
        ("nobody", "anna", "from 10.0.0.9"),
    ]


# --- tokens -------------------------------------------------------------------------------------


async def test_a_token_does_what_its_scopes_say_until_it_is_deleted(office: Office) -> None:
    body = {"name": "deployment", "scopes": ["edit", "view"], "expires": None}
    added = await office.local("POST", "/api/v1/tokens", body)
    assert added.status == 201
    secret = added.json["secret"]
    assert is_token(secret)
    assert secret.startswith(added.json["prefix"])
    machine = Client(office.app, {"authorization": f"Bearer {secret}"})
    me = (await machine("GET", "/api/v1/me")).json
    assert me == {
        "name": "token:deployment",
        "kind": "token",
        "role": None,
        "rights": ["view", "edit"],
    }
    assert (await machine("GET", "/api/v1/tokens")).code == "forbidden"
    listed = await office.local("GET", "/api/v1/tokens")
    assert secret.encode() not in listed.body
    assert (await office.local("DELETE", "/api/v1/tokens/deployment")).status == 204
    assert (await machine("GET", "/api/v1/me")).status == 401


async def test_a_token_ends_with_the_last_day_of_its_expiry(office: Office) -> None:
    body = {"name": "short", "scopes": ["view"], "expires": "2027-01-16"}
    secret = (await office.local("POST", "/api/v1/tokens", body)).json["secret"]
    machine = Client(office.app, {"authorization": f"Bearer {secret}"})
    assert (await machine("GET", "/api/v1/me")).status == 200
    office.clock.pass_s(2 * 86400)
    assert (await machine("GET", "/api/v1/me")).status == 401
    late = await office.local("POST", "/api/v1/tokens", {**body, "name": "late"})
    assert (late.status, late.code) == (422, "expiry_invalid")


async def test_nobody_gives_a_token_a_right_that_they_lack(office: Office) -> None:
    anna = await office.signed_in("anna", "admin", payloads=True)
    refused = await anna("POST", "/api/v1/tokens", {"name": "spy", "scopes": ["view", "reveal"]})
    assert (refused.status, refused.code) == (403, "forbidden")
    body = {"name": "reader", "scopes": ["view", "payloads"]}
    assert (await anna("POST", "/api/v1/tokens", body)).status == 201


async def test_when_a_token_was_used_last_is_shown(office: Office) -> None:
    machine = await office.token("view")
    assert (await office.local("GET", "/api/v1/tokens")).json[0]["last_used_at"] is None
    await machine("GET", "/api/v1/me")
    await office.accounts.write_uses()
    assert (await office.local("GET", "/api/v1/tokens")).json[0]["last_used_at"] is not None


async def test_a_token_has_no_sessions_and_no_password(office: Office) -> None:
    machine = await office.token("view")
    assert (await machine("GET", "/api/v1/sessions")).json == []
    assert (await machine("POST", "/api/v1/sessions/end-others")).status == 403
    assert (await machine("DELETE", "/api/v1/sessions/abc")).status == 404
    body = {"current": PASSWORD, "new": "another horse battery"}
    assert (await machine("PUT", "/api/v1/me/password", body)).status == 403


# --- audit --------------------------------------------------------------------------------------


async def test_the_audit_says_who_did_it_whatever_they_came_with(office: Office) -> None:
    anna = await office.signed_in("anna", "admin")
    machine = await office.token("administer")
    await office.local("POST", "/api/v1/users", {"name": "one", "role": "viewer"})
    await anna("POST", "/api/v1/users", {"name": "two", "role": "viewer"})
    await machine("POST", "/api/v1/users", {"name": "three", "role": "viewer"})
    found = await office.local("GET", "/api/v1/audit?action=user.add&limit=3")
    assert [(e["actor"], e["subject"]) for e in found.json["items"]] == [
        ("token:machine", "three"),
        ("user:anna", "two"),
        ("local", "one"),
    ]


async def test_the_audit_is_filtered_and_paged(office: Office) -> None:
    for name in ("one", "two", "three"):
        office.clock.pass_s(3600)
        await office.local("POST", "/api/v1/users", {"name": name, "role": "viewer"})
    first = (await office.local("GET", "/api/v1/audit?actor=local&action=user&limit=2")).json
    assert [e["action"] for e in first["items"]] == ["user.link", "user.add"]
    page = await office.local("GET", f"/api/v1/audit?action=user.add&before={first['next']}")
    assert [e["subject"] for e in page.json["items"]] == ["two", "one"]
    at = page.json["items"][0]["at"]
    timed = await office.local("GET", f"/api/v1/audit?at_from={at}&action=user.add")
    assert [e["subject"] for e in timed.json["items"]] == ["three", "two"]
    assert (await office.local("GET", "/api/v1/audit?subject=thr")).json["items"][0]["subject"]
    assert (await office.local("GET", "/api/v1/audit?who=me")).code == "invalid_request"


async def test_no_secret_of_people_is_in_the_store_or_in_an_answer(office: Office) -> None:
    anna = await office.signed_in("anna", "admin")
    machine = await office.token("view")
    link = (await anna("POST", "/api/v1/users", {"name": "bert", "role": "viewer"})).json["link"]
    secrets = [
        PASSWORD,
        anna.headers["cookie"].partition("=")[2],
        anna.headers["x-csrf-token"],
        machine.headers["authorization"].partition(" ")[2],
        link["path"].partition("=")[2],
    ]
    answers = [
        (await anna("GET", f"/api/v1/{path}")).body
        for path in ("users", "tokens", "sessions", "audit", "me", "users/bert")
    ]
    await office.store.close()
    answers += [file.read_bytes() for file in office.folder.iterdir()]
    for secret in secrets:
        assert len(secret) > 12
        assert not any(secret.encode() in answer for answer in answers)
