"""Refused acts stand in the audit log: who, what was missing, where, whence; and cannot fill it."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.admin.accounts.refused_acts import (
    HOUR_S,
    MINUTE_S,
    TOLD_IN_AN_HOUR,
    RefusedAct,
    RefusedActs,
)
from firesteel.errors import StoreUnavailable
from firesteel.store.catalog import AuditFilter
from tests.unit.admin.conftest import Client, Office

ACT = RefusedAct("GET /api/v1/users", "lacks administer")


class Book:
    """The store, as far as refused acts reach it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.closed = False

    async def refuse_act(self, actor: str, route: str, detail: str) -> None:
        if self.closed:
            raise StoreUnavailable
        self.lines.append((actor, route, detail))


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def time() -> Clock:
    return Clock()


@pytest.fixture
def acts(book: Book, time: Clock) -> RefusedActs:
    people: Any = book
    return RefusedActs(people, time)


async def test_the_first_is_told_at_once_and_the_same_within_a_minute_as_a_number(
    acts: RefusedActs, book: Book, time: Clock
) -> None:
    for number in range(1001):
        await acts.add("user:anna", ACT, f"10.0.0.{number % 7}")
    assert book.lines == [("user:anna", ACT.route, "lacks administer, from 10.0.0.0")]
    time.s += MINUTE_S - 1
    await acts.write_counted()
    assert len(book.lines) == 1
    time.s += 1
    await acts.write_counted()
    await acts.write_counted()
    told = "lacks administer, 1,000 more within a minute, the last from 10.0.0.6"
    assert book.lines[1:] == [("user:anna", ACT.route, told)]
    await acts.add("user:anna", ACT, "10.0.0.9")
    assert book.lines[2:] == [("user:anna", ACT.route, "lacks administer, from 10.0.0.9")]


async def test_another_actor_right_or_route_is_told_by_itself(
    acts: RefusedActs, book: Book
) -> None:
    other = RefusedAct("POST /api/v1/users", "lacks administer")
    for actor, act in (("a", ACT), ("b", ACT), ("a", other), ("a", RefusedAct(ACT.route, "x"))):
        await acts.add(actor, act, "::1")
    assert len(book.lines) == 4


async def test_one_actor_has_so_many_entries_an_hour_and_the_others_are_a_number(
    acts: RefusedActs, book: Book, time: Clock
) -> None:
    for number in range(10_000):
        await acts.add("token:loud", RefusedAct(f"GET /{number}", "lacks edit"), "::1")
    await acts.add("user:quiet", ACT, "::1")
    assert [actor for actor, _, _ in book.lines] == ["token:loud"] * TOLD_IN_AN_HOUR + [
        "user:quiet"
    ]
    del book.lines[:]
    time.s += HOUR_S
    await acts.write_counted()
    await acts.write_counted()
    more = f"{10_000 - TOLD_IN_AN_HOUR:,} more within an hour"
    assert book.lines == [("token:loud", "others", more)]
    await acts.add("token:loud", ACT, "::1")
    assert len(book.lines) == 2


async def test_what_the_store_did_not_take_is_told_when_it_does(
    acts: RefusedActs, book: Book, time: Clock
) -> None:
    book.closed = True
    await acts.add("user:anna", ACT, "::1")
    time.s += MINUTE_S
    await acts.write_counted()
    book.closed = False
    await acts.write_counted()
    told = "lacks administer, 1 more within a minute, the last from ::1"
    assert book.lines == [("user:anna", ACT.route, told)]


async def entries(office: Office) -> list[tuple[str, str, str]]:
    found = await office.store.catalog.audit(AuditFilter(action="access"))
    return [(entry.actor, entry.subject, entry.detail) for entry in reversed(found)]


async def test_the_rest_api_tells_of_missing_rights_without_what_was_sent(office: Office) -> None:
    machine = await office.token("view")
    path = "/api/v1/workspaces/test/integrations/Secret-name"
    assert (await machine("PUT", path, {"name": "Secret-name"})).status == 403
    assert (await machine("GET", "/api/v1/audit")).status == 403
    assert (await machine("GET", "/api/v1/audit")).status == 403
    assert (await machine("POST", "/api/v1/sessions/end-others")).code == "forbidden"
    pattern = "/api/v1/workspaces/{workspace}/integrations/{name}"
    assert await entries(office) == [
        ("token:machine", f"PUT {pattern}", "lacks edit, from 127.0.0.1"),
        ("token:machine", "GET /api/v1/audit", "lacks administer, from 127.0.0.1"),
        ("token:machine", "POST /api/v1/sessions/end-others", "forbidden, from 127.0.0.1"),
    ]


async def test_the_console_tells_of_missing_rights_and_of_forged_requests(office: Office) -> None:
    anna = await office.signed_in("anna")
    assert (await anna("GET", "/users")).status == 403
    assert (await anna("POST", "/sign-out", sec_fetch_site="cross-site")).status == 403
    assert (await anna("DELETE", "/api/v1/sessions/1", sec_fetch_site="cross-site")).status == 403
    assert (await office.nobody("POST", "/sign-in", sec_fetch_site="cross-site")).status == 403
    assert await entries(office) == [
        ("user:anna", "GET /users", "lacks administer, from 127.0.0.1"),
        ("user:anna", "POST /sign-out", "forged_request, from 127.0.0.1"),
        ("user:anna", "DELETE /api/v1", "forged_request, from 127.0.0.1"),
        ("nobody", "POST /sign-in", "forged_request, from 127.0.0.1"),
    ]


async def test_refused_acts_are_found_in_the_console_and_by_rest(office: Office) -> None:
    await (await office.token("view"))("GET", "/api/v1/tokens")
    admin: Client = await office.signed_in("root", "admin")
    page = (await admin("GET", "/audit?action=access")).body.decode()
    assert "refusals" in page
    assert "GET /api/v1/tokens" in page
    assert "lacks administer, from 127.0.0.1" in page
    (item,) = (await admin("GET", "/api/v1/audit?action=access.refuse")).json["items"]
    assert (item["actor"], item["subject"]) == ("token:machine", "GET /api/v1/tokens")
