"""A node whose ports may be called by some names only, and hold few connections of one address."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode

PLACES = 8
ENVIRONMENT = {
    "FIRESTEEL_ALLOWED_HOSTS": "hooks.example.com,*.example.org",
    "FIRESTEEL_MAX_CONNECTIONS_PER_ADDRESS": str(PLACES),
}


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.integration({"name": "Open", "trigger": {"authentication": []}})


def told(url: str, path: str, host: str) -> tuple[int, str]:
    """Status and code of a GET by that name."""
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"{}")
    return answer.status, body.get("type", "").removeprefix("urn:firesteel:")


MISDIRECTED = (421, "misdirected_request")


@pytest.mark.parametrize("host", ["hooks.example.com", "a.example.org:80", "localhost:8080"])
def test_calls_by_an_allowed_name_are_taken(node: RunningNode, host: str) -> None:
    assert told(node.public_url, "/test/Open", host) == (202, "")


def test_calls_by_another_name_are_421_and_make_no_message(node: RunningNode) -> None:
    assert told(node.public_url, "/test/Open", "evil.example") == MISDIRECTED
    assert told(node.public_url, "/test/Nothing", "evil.example") == MISDIRECTED
    assert told(node.public_url, "/-/health", "10.4.0.7:8080") == (200, "")


def test_a_page_whose_name_was_made_to_resolve_here_reaches_nothing_of_the_admin_port(
    node: RunningNode,
) -> None:
    admin_url = node.address["admin_url"]
    for path in ("/", "/sign-in", "/metrics", "/api/v1/openapi.json", "/api/v1/me"):
        assert told(admin_url, path, "evil.example:8081") == MISDIRECTED
    assert told(admin_url, "/health/live", "10.4.0.7:8081")[0] == 200
    assert told(admin_url, "/api/v1/openapi.json", "localhost:8081")[0] == 200


@pytest.fixture
def all_places(node: RunningNode) -> Iterator[None]:
    """As many connections as one address may hold, each with a call behind it."""
    node.client.close()
    node.client = type(node.client)(timeout=60)
    netloc = urlsplit(node.public_url).netloc
    with contextlib.ExitStack() as stack:
        for _ in range(PLACES):
            connection = http.client.HTTPConnection(netloc, timeout=60)
            stack.enter_context(contextlib.closing(connection))
            connection.request("GET", "/test/Open")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 503:  # one of an earlier test is not seen to have gone yet
                break
            assert answer.status == 202
        yield


@pytest.mark.usefixtures("all_places")
def test_one_connection_more_than_an_address_may_hold_gets_503(node: RunningNode) -> None:
    assert told(node.public_url, "/test/Open", "localhost") == (503, "too_many_connections")
    assert told(node.address["admin_url"], "/health/live", "localhost")[0] == 200
