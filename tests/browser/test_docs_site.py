"""The site of the documentation, opened as files: nothing of it comes from another host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.docs_site import ROOT, build

PAGES = (
    "index.html",
    "tutorial/first-integration.html",
    "how-to/deploy.html",
    "reference/settings.html",
    "decisions/index.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site: a dead link, heading or asset would have ended this."""
    folder = tmp_path_factory.mktemp("build") / "docs"
    assert build(ROOT, folder) > len(PAGES)
    return folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab on a phone in the dark; what it asks for must be in the site's folder."""
    context = browser.new_context(
        color_scheme="dark", viewport={"width": 390, "height": 844}, offline=True
    )
    opened = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_site_needs_no_network_and_fits_a_phone(
    site: Path, page: Page, path: str
) -> None:
    page.goto((site / path).as_uri())

    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"


def test_the_search_of_the_site_finds_a_setting_without_a_server(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())

    page.locator("header label[for=__search]").click()
    page.keyboard.type("session_lifetime")

    expect(
        page.locator("a[href*='reference/settings.html']").filter(has_text="session").first
    ).to_be_visible()
