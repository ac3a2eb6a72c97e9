"""Alerts in the console: a first channel, a test, a rule, a silence, and what was told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode

SOON = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    sink.reply("/hook", Reply(204))
    key = {"api_key": {"label": "tester", "value": KEY, "expires": SOON}}
    project.integration({"name": "Recorded", "trigger": {"authentication": [key]}})


def test_the_overview_links_to_the_keys_that_expire(node: RunningNode, page: Page) -> None:
    page.goto("/w/test")
    banner = page.locator(".alert", has_text="1 API key to renew")
    expect(banner).to_contain_text(f"until {SOON}")
    banner.get_by_role("link", name="Recorded tester").click()
    expect(page.get_by_role("heading", name="Recorded", level=1)).to_be_visible()


def test_a_first_channel_is_told_of_everything_and_rules_and_silences_are_set(
    node: RunningNode, page: Page, sink: HttpServer
) -> None:
    page.goto("/w/test/alerts")
    expect(page.get_by_text("Nobody is told yet")).to_be_visible()
    page.get_by_role("link", name="Add channel").first.click()
    page.get_by_label("Name").fill("hook")
    page.get_by_label("Kind").select_option("webhook")
    page.get_by_label("Address", exact=True).fill("no address")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("http:// or https://")
    page.get_by_label("Address", exact=True).fill(f"{sink.url}/hook")
    page.get_by_role("button", name="Save").click()

    page.get_by_role("button", name="Send a test alert by hook").click()
    expect(page.get_by_role("status").filter(has_text="sent")).to_be_visible()
    assert sink.wait_for(1)[0].json["type"] == "alert.test"

    page.get_by_role("link", name="failures").click()
    page.get_by_label("Gather for").fill("5m")
    page.get_by_role("button", name="Save").click()
    rules = node.admin("GET", "/workspaces/test/alerts")["document"]["rules"]
    assert rules["failures"] == {"event": "execution_failed", "group": "5m"}
    assert len(rules) == 7

    page.get_by_label("What", exact=True).select_option("failures")
    page.get_by_label("Why").fill("moving")
    page.get_by_role("button", name="Silence").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="failures"))
    expect(row).to_contain_text("silent")
    row.get_by_role("button", name="Tell again").click()
    expect(row).to_contain_text("on")
    expect(page.locator("#sent")).to_contain_text("arrive by the channel hook")
    assert violations(page) == []


def test_a_channel_is_added_and_tested_without_script(node: RunningNode, browser: Browser) -> None:
    context = signed_in(browser, node, java_script_enabled=False)
    page = context.new_page()
    page.goto("/w/test/alerts/channels/+new")
    page.get_by_label("Name").fill("mail")
    page.get_by_label("To", exact=True).fill("ops@example.com")
    page.get_by_label("From").fill("f@example.com")
    page.get_by_label("Mail server").fill("127.0.0.1")
    page.get_by_label("Port").fill("9")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send a test alert by mail").click()
    expect(
        page.get_by_text("mail does not work: the mail server cannot be reached")
    ).to_be_visible()
    context.close()
