"""Every how-to does what it says, command by command.

Pages that begin with a project and a running ``firesteel dev`` share one; each finds the project
as ``firesteel init`` made it. Pages that start nodes themselves stand in test_how_to_nodes.py.
What a page shows and no test can run here is marked ``not run``, with the reason.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.end_to_end.docs.test_how_to_nodes import ON_THEIR_OWN
from tests.support.http_server import HttpServer, Reply
from tests.support.markdown import DOCS, ROOT, Block, blocks
from tests.support.quick_cli import quick_cli
from tests.support.walkthrough import NODE, Walkthrough

HOW_TO = DOCS / "how-to"
PAGES = sorted(HOW_TO.glob("*.md"))
READ = [page.stem for page in PAGES if page.stem not in ON_THEIR_OWN and blocks(page, "console")]
# Why a block of shell is only parsed; its files are held to their schemas in tests/unit/deploy.
REASONS = (
    "a node with other settings",
    "another machine",
    "Docker",
    "it makes the environment that runs this page",
    "Kubernetes",
    "PostgreSQL's own programs",
    "Prometheus",
    "several nodes",
    "systemd",
    "the console, in tests/browser/test_greet.py",
)
CRM = "https://crm.example.com"


@pytest.fixture(scope="module")
def crm() -> Iterator[HttpServer]:
    """The other system that pages write to."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, crm: HttpServer) -> Iterator[Walkthrough]:
    """The node that the pages share."""
    with quick_cli(tmp_path_factory.mktemp("programs")) as programs:
        reader = Walkthrough(
            HOW_TO,
            tmp_path_factory.mktemp("reader"),
            {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"},
            {CRM: crm.url},
            NODE,
            programs,
        )
        try:
            reader.begin()
            yield reader
        finally:
            reader.stop()


@pytest.mark.parametrize("name", READ)
def test_a_page_does_what_it_says(name: str, shared: Walkthrough, crm: HttpServer) -> None:
    shared.tidy()
    crm.received.clear()
    crm.reply("/api/customers/7", Reply(503), Reply.json({}))
    crm.reply("/labels", Reply.json({"number": "L-77"}, 201))
    crm.reply("/welcome", Reply.json({}))

    shared.read(HOW_TO / f"{name}.md")

    if name == "synchronise-records":
        assert len(crm.received) == 2
        assert len({call.header("idempotency-key") for call in crm.received}) == 1
        assert {call.header("authorization") for call in crm.received} == {
            "Bearer a-token-of-the-crm"
        }
    if name == "move-from-n8n":
        assert [call.json for call in crm.received] == [{"no": 1, "name": "Ada"}]
    if name == "move-from-make":
        assert [call.json for call in crm.received] == [{"reference": "W-1"}]


def shell() -> list[Block]:
    return [
        block
        for page in [*PAGES, *sorted((DOCS / "tutorial").glob("*.md"))]
        for block in blocks(page, "sh", "bash", "shell")
    ]


def test_every_page_is_run_or_has_nothing_to_run() -> None:
    silent = [page.stem for page in PAGES if not blocks(page, "console")]

    # Only pages whose every step is in the console, or on servers that are not ours.
    assert [name for name in silent if name not in NOTHING_TO_RUN] == []


NOTHING_TO_RUN = (
    "build-an-integration-in-the-console",  # in tests/browser/test_greet.py
    "connect-systems-in-the-console",
    "deploy",  # Docker; the files in tests/unit/deploy
    "high-availability",  # servers of PostgreSQL; tests/fault/test_fail_over.py
    "release",
    "run-on-kubernetes",
    "run-under-systemd",
)


@pytest.mark.parametrize("block", shell(), ids=str)
def test_a_block_that_is_not_run_says_why_and_is_shell(block: Block) -> None:
    line_above = block.path.read_text().splitlines()[block.line - 2]
    parsed = subprocess.run(
        ["bash", "-n", "-c", block.text], capture_output=True, text=True, timeout=30, check=False
    )

    assert line_above in [f"<!-- not run: {reason} -->" for reason in REASONS]
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_no_block_stands_in_a_list_where_no_test_sees_it() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in DOCS.rglob("*.md")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.startswith((" ", "\t")) and line.lstrip().startswith("```")
    ]
    assert hidden == []
