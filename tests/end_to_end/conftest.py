"""One node for each module of end-to-end tests, with the project that the module fills.

A module says what it needs by two names: ``fill(project, sink)``, which writes its integrations,
and maybe ``ENVIRONMENT``, settings of the node. Workflows reach the test itself through ``sink``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, running_node


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpServer]:
    """What the module's workflows call: the witness of what they did, outside the node."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sink: HttpServer
) -> Iterator[RunningNode]:
    """The module's node, with workspace ``test``."""
    folder = tmp_path_factory.mktemp("project")
    request.module.fill(ProjectFolder(folder), sink)
    with running_node(new_data_dir(tmp_path_factory), folder, **settings(request)) as running:
        yield running


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds back answers of the sink until the test sets it; open at the test's end."""
    event = threading.Event()
    yield event
    event.set()


def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The module's settings; the sink is reachable for steps."""
    given: dict[str, str] = getattr(request.module, "ENVIRONMENT", {})
    return {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", **given}


def new_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data directory that only its owner may enter."""
    directory = tmp_path_factory.mktemp("data")
    directory.chmod(0o700)
    return directory
