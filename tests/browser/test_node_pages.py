"""Overview, workers, storage and settings: what they show is what is."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, wait_until


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.integration({"name": "Recorded"})
    failing = {"steps": [{"name": "no", "fail": {"message": "no", "permanent": True}}]}
    project.integration({"name": "Failing", "workflow": failing})


def call_all(node: RunningNode) -> None:
    """Three calls are recorded, one fails, one is refused; and all of that is counted."""
    for _ in range(3):
        assert node.call("Recorded").status_code == 202
    node.until_settled(node.call("Failing"))
    assert node.call("Recorded", headers={"x-api-key": "wrong"}).status_code == 401
    wait_until(lambda: traffic(node)["sum"]["failed"])


def traffic(node: RunningNode, query: str = "") -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = node.admin("GET", f"/workspaces/test/traffic{query}")
    return found


def test_the_overview_shows_what_happened(node: RunningNode, page: Page) -> None:
    call_all(node)

    page.goto("/w/test")

    tiles = page.locator(".fs-tile")
    expect(tiles.filter(has_text="Accepted")).to_contain_text("4")
    expect(tiles.filter(has_text="Accepted")).to_contain_text("1 refused")
    expect(tiles.filter(has_text="Failed")).to_contain_text("1")
    row = page.get_by_role("row").filter(has_text="Failing")
    expect(row.get_by_role("cell").nth(2)).to_have_text("1")
    rate = page.get_by_role("img", name=re.compile("Accepted a minute"))
    expect(rate.locator("canvas")).to_be_visible()
    expect(page.locator(".u-legend").first).to_contain_text("Recorded")
    assert violations(page) == []


def test_the_overview_is_of_one_integration_and_span_where_that_is_chosen(
    node: RunningNode, page: Page
) -> None:
    page.goto("/w/test")

    rows = page.get_by_role("region", name="Figures by integration").get_by_role("row")
    page.get_by_label("Integration", exact=True).select_option("Recorded")
    expect(page).to_have_url(re.compile("integration=Recorded"))
    expect(rows).to_have_count(2)  # the page's form is there anew, too
    page.get_by_label("Span of time").select_option("24h")
    expect(page).to_have_url(re.compile("span=24h"))
    expect(rows).to_have_count(2)
    assert traffic(node, "?span=24h&integration=Recorded")["sum"]["accepted"] >= 3


def test_the_figures_come_anew_by_themselves(node: RunningNode, page: Page) -> None:
    page.clock.install()
    page.goto("/w/test")
    figures = page.locator("#figures")
    figures.evaluate("(element) => element.firstElementChild.dataset.old = ''")

    with page.expect_response(lambda answer: "span=1h" in answer.url):
        page.clock.fast_forward(15_000)
    expect(figures.locator("[data-old]")).to_have_count(0)
    expect(figures.locator("canvas").first).to_be_visible()


def test_workers_are_listed_and_restarted(node: RunningNode, page: Page) -> None:
    before = node.worker_pids
    page.goto("/workers")
    expect(page.get_by_role("rowheader", name=str(before[0]))).to_be_visible()
    assert violations(page) == []

    page.get_by_role("button", name="Restart workers").click()

    expect(page.get_by_role("status").first).to_contain_text("New workers start")
    wait_until(lambda: node.worker_pids and node.worker_pids != before)


def test_a_copy_of_the_store_is_made_where_there_is_room_for_it(
    node: RunningNode, page: Page, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    page.goto("/storage")
    expect(page.get_by_role("row").filter(has_text="Recorded")).to_contain_text("30 d")
    assert violations(page) == []

    page.get_by_label("File on the node's machine").fill("copy.db")
    page.get_by_role("button", name="Make a copy").click()
    expect(page.get_by_text("the path must be absolute")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("File on the node's machine").fill(str(target))
    page.get_by_role("button", name="Make a copy").click()

    expect(page.get_by_text("The copy is complete")).to_be_visible()
    assert target.stat().st_size > 0


def test_the_settings_are_shown_without_secrets(node: RunningNode, page: Page) -> None:
    page.goto("/settings")

    row = page.get_by_role("row").filter(has_text="FIRESTEEL_WORKERS")
    expect(row).to_contain_text("1")
    expect(row).to_contain_text("set")
    key = page.get_by_role("row").filter(has_text="FIRESTEEL_ENCRYPTION_KEY")
    expect(key).to_contain_text("not set")
    assert violations(page) == []


def test_a_workspace_without_integrations_says_what_to_do(
    browser: Browser, node: RunningNode
) -> None:
    node.admin("DELETE", "/workspaces/test/integrations/Failing?managed_by=files")
    node.admin("DELETE", "/workspaces/test/integrations/Recorded?managed_by=files")
    context = signed_in(browser, node, java_script_enabled=False)
    page = context.new_page()

    page.goto("/w/test")

    expect(page.get_by_role("link", name="Make an integration")).to_be_visible()
    context.close()
