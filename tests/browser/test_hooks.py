"""P46: what a workflow answers runs no script and sets no cookie beside the console; and pages from
elsewhere call a trigger as its ``cors`` allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.signing_in import signed_in
from tests.fault.defects import planted
from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node

SCRIPT = """
document.title = "ran";
document.cookie = "planted=1; path=/";
try { localStorage.setItem("planted", "1"); } catch {}
fetch("ADMIN/api/v1/me", {credentials: "include"}).catch(() => {});
"""
HTML = f"<!doctype html><title>still</title><script>{SCRIPT}</script><h1 id=seen>seen</h1>"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg"><text id="seen">seen</text>'
    f"<script><![CDATA[{SCRIPT}]]></script></svg>"
)
XHTML = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>still</title>'
    f"<script><![CDATA[{SCRIPT}]]></script></head><body><p id='seen'>seen</p></body></html>"
)
PAGES = {
    "html": ("text/html", HTML),
    "utf7": ("text/html; charset=utf-7", HTML),
    "xhtml": ("application/xhtml+xml", XHTML),
    "svg": ("image/svg+xml", SVG),
    "xml": ("text/xml", XHTML),
    "nonsense": ("nonsense", HTML),
    "text": ("text/plain", HTML),
    "two-types": ("image/png, text/html", HTML),
    "hidden-type": ("text/plain;,text/html", HTML),
    "json": ("application/json", HTML),
    "sandboxed": ("text/html", HTML),
}
MODULE = f"""
from firesteel import Response, workflow

PAGES = {PAGES!r}

@workflow
def page(input):
    kind = input["query"]["kind"]
    content_type, body = PAGES[kind]
    headers = {{"content-type": content_type}} if content_type else {{}}
    if kind == "sandboxed":
        headers["content-security-policy"] = "sandbox allow-scripts allow-same-origin"
    return Response(body.replace("ADMIN", input["query"]["admin"]).encode(), headers=headers)

@workflow
def cookie(input):
    return Response(b"{{}}", headers={{"set-cookie": "planted=1"}})
"""


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("pages", MODULE)
    shown = {"request_response": True, "authentication": [], "methods": ["GET", "POST"]}
    for name in ("page", "cookie"):
        flow = {"python": f"pages:{name}", "retry": {"attempts": 1}}
        project.integration({"name": name, "trigger": shown, "workflow": flow})
    cors = {"origins": [sink.url], "expose": ["x-total"], "headers": ["x-api-key", "content-type"]}
    flow = {"steps": [{"name": "sum", "map": {"total": 7}}]}
    response = {"headers": {"x-total": "7"}, "body": "{% steps.sum %}"}
    for name, more in (("Shop", {"cors": cors}), ("Closed", {})):
        trigger = {"request_response": True, **more}
        document = {"name": name, "trigger": trigger, "workflow": flow, "response": response}
        project.integration(document)


@pytest.fixture
def visitor(browser: Browser, node: RunningNode) -> Iterator[Page]:
    """A tab of somebody who is signed in at the console."""
    context = signed_in(browser, node)
    yield context.new_page()
    context.close()


def shown(page: Page, node: RunningNode, kind: str) -> list[str]:
    """Open a workflow's page; what it asked of the console."""
    admin = node.address["admin_url"]
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if sent.url.startswith(admin) else None)
    page.goto(f"{node.public_url}/test/page?kind={kind}&admin={admin}")
    page.wait_for_load_state("networkidle")
    return asked


def touched(page: Page, node: RunningNode, kind: str) -> bool:
    """Whether the page did anything."""
    asked = shown(page, node, kind)
    kept = [cookie.get("name") for cookie in page.context.cookies()]
    return bool(asked) or "planted" in kept or page.title() == "ran"


@pytest.mark.parametrize("kind", sorted(PAGES))
def test_p46_a_page_of_a_workflow_runs_no_script(
    visitor: Page, node: RunningNode, kind: str
) -> None:
    assert not touched(visitor, node, kind)


def test_p46_a_workflow_sets_no_cookie(visitor: Page, node: RunningNode) -> None:
    answer = visitor.goto(f"{node.public_url}/test/cookie")
    assert answer is not None
    assert "set-cookie" not in answer.all_headers()
    assert visitor.context.cookies() == []


def test_p46_fails_when_responses_are_not_in_a_sandbox(browser: Browser, tmp_path: Path) -> None:
    folder, data = tmp_path / "project", tmp_path / "data"
    folder.mkdir()
    data.mkdir(mode=0o700)
    with HttpServer.started() as sink:
        fill(ProjectFolder(folder), sink)
        defect = dict([planted("responses_without_a_sandbox")])
        with running_node(data, folder, FIRESTEEL_WORKERS="1", **defect) as node:
            context = signed_in(browser, node)
            found = touched(context.new_page(), node, "html")
            context.close()
    assert found


# --- calls of pages from elsewhere ------------------------------------------------------------

CALL = """async ([url, key]) => {
  try {
    const headers = {"x-api-key": key, "content-type": "application/json"};
    const answer = await fetch(url, {method: "POST", body: "{}", headers});
    return [answer.status, await answer.json(), answer.headers.get("x-total")];
  } catch (error) { return [0, String(error), null]; }
}"""


def called(page: Page, node: RunningNode, origin: str, name: str, key: str = KEY) -> list[Any]:
    """What a page of that origin gets when it calls."""
    page.goto(f"{origin}/page")
    found: list[Any] = page.evaluate(CALL, [f"{node.public_url}/test/{name}", key])
    return found


@pytest.fixture
def shop(sink: HttpServer) -> str:
    """The origin that ``cors`` names."""
    sink.reply("/page", Reply(200, b"<title>shop</title>", (("Content-Type", "text/html"),)))
    return sink.url


def test_a_page_of_the_origin_calls_and_reads_answers_and_errors(
    browser: Browser, node: RunningNode, shop: str
) -> None:
    page = browser.new_page()
    assert called(page, node, shop, "Shop") == [200, {"total": 7}, "7"]
    status, problem, _ = called(page, node, shop, "Shop", "a-wrong-key-0123456789")
    assert (status, problem["type"]) == (401, "urn:firesteel:unauthorized")
    page.close()


def test_pages_of_other_origins_and_triggers_without_cors_give_browsers_nothing(
    browser: Browser, node: RunningNode, shop: str
) -> None:
    page = browser.new_page()
    before = accepted(node)
    assert called(page, node, shop, "Closed")[0] == 0
    with HttpServer.started() as other:
        other.reply("/page", Reply(200, b"", (("Content-Type", "text/html"),)))
        assert called(page, node, other.url, "Shop")[0] == 0
    assert accepted(node) == before  # the browser asked first, and called nothing
    page.close()


def accepted(node: RunningNode) -> int:
    return sum(item["accepted"] for item in node.admin("GET", "/workspaces/test/statistics"))


def test_what_the_page_says_is_what_the_document_says(
    page: Page, node: RunningNode, shop: str
) -> None:
    document = {"name": "Edited", "trigger": {"authentication": []}}
    node.admin("PUT", "/workspaces/test/integrations/Edited", json=document)
    page.goto("/w/test/integrations/Edited")
    page.locator("summary", has_text="Advanced").click()
    page.get_by_label("Calls from web pages (CORS)").check()
    page.get_by_label("Origins").fill("https://shop.example.com")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_load_state("networkidle")
    stored = node.admin("GET", "/workspaces/test/integrations/Edited")["document"]
    assert stored["trigger"]["cors"] == {"origins": ["https://shop.example.com"]}
