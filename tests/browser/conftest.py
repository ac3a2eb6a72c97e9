"""A real node and a real Chromium for tests of the console.

One node a module, as in tests/end_to_end: a module says what it needs by ``fill(project, sink)``
and maybe ``ENVIRONMENT``. One browser a module too. ``page`` is signed in with every right; a
test fails when its page has an error in a script, or breaks the Content-Security-Policy.
Addresses are relative to the console: ``page.goto("/w/test")``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.signing_in import signed_in
from tests.support import chromium
from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, running_node

PATIENCE_MS = 30_000
"""On a busy machine a page is slow to come, and a try of a step starts a process."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Not for the whole process: Playwright's event loop would stand in
    the way of tests that have their own."""
    program = chromium.find()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(chromium.MISSING)
        pytest.skip(chromium.MISSING)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=chromium.arguments())
        yield started
        started.close()


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpServer]:
    """What the module's workflows call."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sink: HttpServer
) -> Iterator[RunningNode]:
    """The module's node, with workspace ``test``; without ``fill`` it has no project."""
    fill = getattr(request.module, "fill", None)
    folder: Path | None = None
    if fill is not None:
        folder = tmp_path_factory.mktemp("project")
        fill(ProjectFolder(folder), sink)
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o700)
    given: dict[str, str] = getattr(request.module, "ENVIRONMENT", {})
    settings = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", "FIRESTEEL_WORKERS": "1", **given}
    with running_node(data, folder, **settings) as running:
        yield running


@pytest.fixture
def context(browser: Browser, node: RunningNode) -> Iterator[BrowserContext]:
    """A browser profile of this test's own, signed in."""
    made = signed_in(browser, node)
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab; what goes wrong in it fails the test."""
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.extend(_fault(message)))
    yield opened
    assert not faults, faults


def _fault(message: ConsoleMessage) -> list[str]:
    """An answer of 4xx or 5xx is the test's own business; all other errors are faults."""
    expected = message.text.startswith("Failed to load resource: the server responded")
    return [message.text] if message.type == "error" and not expected else []
