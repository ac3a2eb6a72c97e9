"""The how-to "Build an integration in the console", step by step, from the demo's one-time link.

What is exported in the end and applied to an empty node gives the same answers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS
from tests.support.markdown import DOCS, ROOT, blocks
from tests.support.node import RunningNode, launch, running_node, until_ready

PASSWORD = "a few words beside each other"
MAP, BODY = (
    block.text.rstrip("\n")
    for block in blocks(DOCS / "how-to" / "build-an-integration-in-the-console.md", "text")
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningNode]:
    """A node as ``make demo`` starts it."""
    node = until_ready(launch(["demo"], tmp_path / "demo", FIRESTEEL_WORKERS="1"))
    try:
        yield node
    except BaseException:
        node.print_output()
        raise
    finally:
        node.stop()


def test_greet_is_built_exported_and_applied_to_an_empty_node(
    browser: Browser, demo: RunningNode, tmp_path: Path
) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, printed_link(demo))
    secret = make_the_trigger(page)
    add_the_step(page)
    write_the_response(page)
    try_it(page)
    file = export(page, tmp_path)
    context.close()

    assert yaml.safe_load(file.read_text()) == the_readme_s()
    with running_node(tmp_path / "empty") as empty:
        other = apply(file, empty)
        there = answers(f"{empty.public_url}/test/Greet", other)
    here = answers(f"{demo.public_url}/demo/Greet", secret)
    assert there == here
    assert here[0] == (200, {"greeting": "Hello, Ada!"})


def the_readme_s() -> object:
    """The integration as the README writes it."""
    (example,) = blocks(ROOT / "README.md", "yaml")
    return yaml.safe_load(example.text)


def printed_link(node: RunningNode) -> str:
    while True:
        line = node.lines.get(timeout=PATIENCE_MS / 1000)
        assert line, "no link was printed"
        found = re.search(r"Sign in\s+(\S+)", line)
        if found:
            return found[1]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def type_into(page: Page, label: str, text: str) -> None:
    page.get_by_role("textbox", name=label, exact=True).click()
    page.keyboard.insert_text(text)


def sign_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Name").fill("ada")
    page.get_by_role("textbox", name=re.compile("^Password")).fill(PASSWORD)
    page.get_by_label("The password again").fill(PASSWORD)
    press(page, "Go on")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def make_the_trigger(page: Page) -> str:
    """Its key's secret."""
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="New integration").click()
    page.get_by_label("Name").fill("Greet")
    press(page, "Create")
    page.locator("summary", has_text="Add authentication").click()
    press(page, "ApiKeys")
    press(page, "Add new key")
    page.get_by_role("dialog").get_by_label("Label").fill("me")
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    secret = page.locator("#new-secret").inner_text()
    page.get_by_label("Request-response").check()
    page.get_by_label("POST", exact=True).uncheck()
    press(page, "Add query parameter")
    page.get_by_label("Name", exact=True).fill("who")
    page.get_by_label("Default", exact=True).fill("World")
    press(page, "Save as draft")
    expect(page.get_by_text("Saved as a draft.")).to_be_visible()
    return secret


def add_the_step(page: Page) -> None:
    page.get_by_role("link", name="Workflow", exact=True).click()
    page.get_by_label("A list of steps").check()
    page.get_by_text("Add the first step").click()
    page.get_by_role("link", name="Value Works").click()
    page.get_by_label("Name", exact=False).first.fill("greeting")
    type_into(page, "Value", MAP)
    press(page, "Save as draft")
    expect(page.get_by_role("heading", name="Step greeting")).to_be_visible()


def write_the_response(page: Page) -> None:
    page.get_by_role("link", name="Response", exact=True).click()
    page.get_by_label("A document, sent as JSON").check()
    type_into(page, "Document", BODY)
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()


def try_it(page: Page) -> None:
    page.get_by_role("link", name="Try it", exact=True).click()
    page.get_by_label("who", exact=True).fill("Ada")
    press(page, "Call")
    expect(page.locator("#answer-body")).to_contain_text("Hello, Ada!")


def export(page: Page, folder: Path) -> Path:
    page.get_by_role("link", name="Versions", exact=True).click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Export as a file").click()
    target = folder / coming.value.suggested_filename
    coming.value.save_as(target)
    return target


def apply(file: Path, node: RunningNode) -> str:
    """By the command line; the secret that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "firesteel", "apply", str(file)],
        env={**os.environ, "FIRESTEEL_DATA_DIR": str(node.data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"fsk_\w+", done.stdout)
    assert found, done.stdout
    return found[0]


def answers(url: str, secret: str) -> list[tuple[int, object]]:
    """What a caller gets, right and wrong, without what differs in each call."""
    headers = {"x-api-key": secret}
    asked = [
        httpx2.get(f"{url}?who=Ada", headers=headers),
        httpx2.get(url, headers=headers),
        httpx2.get(f"{url}?who=", headers=headers),
        httpx2.get(f"{url}?who=Ada&who=Bo", headers=headers),
        httpx2.get(f"{url}?who=Ada"),
        httpx2.post(url, headers=headers),
    ]
    return [(one.status_code, told(one.json())) for one in asked]


def told(body: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if key != "instance"}
