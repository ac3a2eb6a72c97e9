"""P40 on a whole node: the corpus of broken requests, sent to it, pipelined, and through nginx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.http_corpus import GOOD, Case
from tests.support.http_corpus.run import faults, whats_wrong, whats_wrong_behind
from tests.support.http_server import HttpServer
from tests.support.markdown import blocks
from tests.support.nginx import free_port, needs_nginx, running_nginx
from tests.support.node import ProjectFolder, RunningNode
from tests.support.raw_http import Answer

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "behind-nginx.md"
ENVIRONMENT = {"FIRESTEEL_TRUSTED_PROXIES": "127.0.0.1/32"}


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.integration({"name": "Open", "trigger": {"authentication": []}})


def public_port(node: RunningNode) -> int:
    port = urlsplit(node.public_url).port
    assert port is not None
    return port


async def test_p40_the_corpus_on_a_whole_node(node: RunningNode) -> None:
    assert await faults(public_port(node), b"", whats_wrong) == []


async def test_p40_the_corpus_pipelined_behind_requests_that_are_right(node: RunningNode) -> None:
    def behind(case: Case, answers: list[Answer], rest: bytes, started: int) -> str:
        assert answers[0].status == 202, case.name
        return whats_wrong(case, answers[1:], rest, started)

    assert await faults(public_port(node), GOOD % 1, behind) == []


@pytest.fixture(scope="module")
def nginx(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx that is set up as in the how-to, but for addresses and TLS."""
    port = free_port()
    block, _ = blocks(HOW_TO, "nginx")
    http = block.text
    for old, new in (
        ("10.1.0.5:8080", f"127.0.0.1:{public_port(node)}"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("keepalive 64;", "keepalive 1;"),  # who comes next goes where the case has gone
        ("ssl_certificate ", "# "),
        ("ssl_certificate_key ", "# "),
    ):
        assert old in http
        http = http.replace(old, new)
    with running_nginx(tmp_path_factory.mktemp("nginx"), http, port):
        yield port


@needs_nginx
async def test_p40_the_corpus_through_nginx_crosses_and_starts_nothing(nginx: int) -> None:
    assert await faults(nginx, GOOD % 1, whats_wrong_behind) == []
