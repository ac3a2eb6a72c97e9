"""Odd input on the admin port: no 500, no leak, and texts come back as they were sent (P41)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import Size
from tests.corpus.admin_inputs import Ask, asked
from tests.corpus.case import CANARY
from tests.corpus.place import Place, placed
from tests.corpus.texts import TEXTS
from tests.fault.report import Report
from tests.support.postgres import Postgres
from tests.support.raw_http import Answer, RawConnection

CONNECTIONS = 3
# In the quick size every so-manieth request, another share on each store.
SHARE = 60
# What was wrong once is asked in every size: by name and address.
ONCE_WRONG = {
    "JSON: thirty thousand names": r"/api/v1/workspaces/test/integrations/Seen",
    "{name} is 5,000 digits": r"/users/9+/link",
    "query of last day": r"/audit\?.*",
}
WORKSPACE = "/api/v1/workspaces/test"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        with placed(folder, "sqlite", None) as made:
            yield made
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.database() as url, placed(folder, "postgresql", url) as made:
        yield made


async def each(place: Place, wanted: list[Ask]) -> list[str]:
    """What is wrong with the answers."""
    address = place.node.address
    port = urlsplit(address["admin_url"]).port
    assert port is not None
    turns = iter(wanted)
    wrong: list[str] = []

    async def caller() -> None:
        connection = await RawConnection.open(port)
        for ask in turns:
            try:
                answer = await called(connection, ask, address["token"])
                text, closes = fault_of(answer), answer.get("connection") == "close"
            except (OSError, EOFError, KeyError) as error:
                text, closes = f"no whole answer: {error!r}", True
            if text:
                wrong.append(f"{ask.method} {ask.target:.150} {ask.name}: {text}")
            if closes:
                connection.close()
                connection = await RawConnection.open(port)
        connection.close()

    await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))
    return wrong


async def called(connection: RawConnection, ask: Ask, token: str) -> Answer:
    head = [
        f"{ask.method} {ask.target} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        f"Content-Type: {ask.content_type}",
        f"Content-Length: {len(ask.body)}",
    ]
    await connection.send("\r\n".join([*head, "", ""]).encode("latin-1") + ask.body)
    return await connection.answer(head=ask.method == "HEAD")


def fault_of(answer: Answer) -> str:
    """What an answer may not be: a defect of ours, or a problem that gives something away."""
    if answer.status >= 500 and b"workers_unavailable" not in answer.body:
        return f"{answer.status} {answer.body[:200]!r}"
    if answer.status < 400:
        return ""
    shown = answer.get("content-type") or ""
    if shown != "application/problem+json" and not shown.startswith("text/html"):
        return f"{answer.status} is {shown}"
    # Whoever is signed in may be told the name that they wrote; a page must not run it.
    words = ("Traceback", "site-packages", f"<script>{CANARY}")
    return " ".join(f"gives {word} away" for word in words if word.encode() in answer.body)


def test_p41_no_route_of_the_admin_port_has_a_500_for_odd_input(
    place: Place, size: Size, report: Report
) -> None:
    wanted = list(asked())
    if size == "quick":
        once = [ask for ask in wanted if re.fullmatch(ONCE_WRONG.get(ask.name, ""), ask.target)]
        assert once
        wanted = once + wanted[len(place.store) % SHARE :: SHARE]
    report.row("P41", f"odd input to every route, on {place.store}", cycles=len(wanted))
    wrong = asyncio.run(each(place, wanted))
    assert not wrong, "\n".join(wrong[:60])


def test_texts_that_people_write_come_back_as_they_wrote_them(place: Place) -> None:
    """Or are refused as 4xx: names, for instance, have no control characters."""
    refused, altered = [], []
    for name, text in TEXTS.items():
        for where, wrote, read in (described(place, text), labelled(place, text)):
            if wrote >= 400:
                assert wrote < 500, (where, name)
                refused.append((where, name))
            elif read != text:
                altered.append((where, name, read))
    assert altered == []
    assert len(refused) < len(TEXTS)


def described(place: Place, text: str) -> tuple[str, int, Any]:
    """A description; where, the status of writing, and what is read."""
    document = {"name": "Described", "description": text}
    wrote = ask(place, "PUT", "/integrations/Described", json=document)
    read = ask(place, "GET", "/integrations/Described").json()
    return "description", wrote.status_code, read.get("document", {}).get("description")


def labelled(place: Place, text: str) -> tuple[str, int, Any]:
    """A key's label, which is then a part of a path."""
    keys = "/integrations/a.b-c_d/keys"
    wrote = ask(place, "POST", keys, json={"label": text})
    if wrote.status_code >= 400:
        return "label", wrote.status_code, None
    labels = [key["label"] for key in ask(place, "GET", keys).json()]
    removed = ask(place, "DELETE", f"{keys}/{quote(text, safe='')}")
    assert removed.status_code < 300, (text, removed.text)
    return "label", wrote.status_code, text if text in labels else labels


def ask(place: Place, method: str, path: str, **more: Any) -> Any:
    address = place.node.address
    headers = {"Authorization": f"Bearer {address['token']}"}
    url = f"{address['admin_url']}{WORKSPACE}{path}"
    return place.node.client.request(method, url, headers=headers, **more)


def test_p41_the_node_is_whole_behind_it(place: Place) -> None:
    place.node.print_output()
    log = "".join(place.node.output)
    for word in ("call_failed", "Traceback", "application_failed", CANARY):
        assert word not in log, log[-3000:]
