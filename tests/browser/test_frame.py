"""The console's frame: navigation, looks, errors, and who is let in."""

from __future__ import annotations

import re

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.integration({"name": "Orders"})


def test_the_console_leads_to_the_workspace_s_overview(page: Page) -> None:
    page.goto("/")

    expect(page).to_have_url(re.compile("/w/test$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    here = page.get_by_role("navigation", name="Main").locator("[aria-current=page]")
    expect(here).to_have_text("Overview")


def test_without_access_every_page_leads_to_the_sign_in(
    browser: Browser, node: RunningNode
) -> None:
    stranger = browser.new_context(base_url=node.address["admin_url"])
    page = stranger.new_page()

    for path in ("/", "/w/test", "/workers", "/nothing/here", "/w/elsewhere"):
        page.goto(path)
        assert page.url.partition("?")[0].endswith("/sign-in"), path
    stranger.close()


def test_a_page_that_is_not_there_says_so(page: Page) -> None:
    answer = page.goto("/w/nowhere")

    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_look_follows_the_system_and_the_reader_s_choice(
    browser: Browser, node: RunningNode, scheme: str
) -> None:
    context = signed_in(browser, node, color_scheme=scheme)
    page = context.new_page()
    page.goto("/w/test")
    other = "dark" if scheme == "light" else "light"

    expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
    assert violations(page) == []
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", other)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", other)
    context.close()


def test_the_navigation_opens_on_a_phone(browser: Browser, node: RunningNode) -> None:
    context = signed_in(browser, node, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto("/w/test")
    navigation = page.get_by_role("navigation", name="Main")

    expect(navigation).to_be_hidden()
    page.get_by_role("link", name="Open the menu").click()
    expect(navigation).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Close the menu").click()
    expect(navigation).to_be_hidden()
    context.close()


def test_static_files_are_compressed_and_kept_for_good(node: RunningNode) -> None:
    with httpx2.Client(base_url=node.address["admin_url"]) as client:
        page = client.get("/sign-in", headers={"accept": "text/html"})
        addresses = re.findall(r'(?:href|src)="(/static/[^"#]+)"', page.text)

        assert addresses
        for address in addresses:
            answer = client.get(address, headers={"accept-encoding": "br"})
            assert answer.status_code == 200, address
            assert answer.headers["content-encoding"] == "br", address
            assert "immutable" in answer.headers["cache-control"]
        for path in (
            "/static/",
            "/static/manifest.json",
            "/static/../app.py",
            "/static/%2e%2e/app.py",
        ):
            assert client.get(path).status_code in (401, 404), path


def test_pages_carry_the_security_headers(node: RunningNode) -> None:
    with httpx2.Client(base_url=node.address["admin_url"]) as client:
        for path in ("/sign-in", "/w/test"):
            headers = client.get(path, headers={"accept": "text/html"}).headers
            policy = headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
