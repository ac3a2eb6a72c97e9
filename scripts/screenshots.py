"""Pictures of every page of the console, light and dark, wide and on a phone: ``make screenshots``.

The node is the demo's, with some traffic and a made-up day of figures. What is given as arguments
are names of pages; without any, all are made.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.small_png import with_few_colours
from tests.browser.signing_in import signed_in
from tests.support import chromium
from tests.support.console_pages import PAGES, address
from tests.support.demo_node import demo_node
from tests.support.node import RunningNode

TARGET = Path("build/screenshots")
WIDE, PHONE = (1280, 800), (390, 844)
DOCUMENTS = Path("docs/images")
DOCUMENTS_HEIGHT = 900
# What README and docs show, by the looks it is shown in.
IN_DOCUMENTS = {
    "overview": ("light", "dark"),
    "trigger": ("light",),
    "message": ("light",),
}


def main(names: list[str]) -> int:
    """Make them; 1 where a page is missing."""
    program = chromium.find()
    if program is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_node(Path(folder), figures=True) as node,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=chromium.arguments())
        missing = _take_all(browser, node, names)
        browser.close()
    for name in missing:
        print(f"no such page: {name}", file=sys.stderr)
    return 1 if missing else 0


def _take_all(browser: Browser, node: RunningNode, names: list[str]) -> list[str]:
    wanted = {name: address(node, name) for name in PAGES if not names or name in names}
    missing: list[str] = []
    for look in ("light", "dark"):
        for width, height in (WIDE, PHONE):
            context = signed_in(
                browser,
                node,
                color_scheme=look,
                viewport={"width": width, "height": height},
                reduced_motion="reduce",
            )
            page = context.new_page()
            for name, path in wanted.items():
                size = "" if width == WIDE[0] else "-phone"
                page.set_viewport_size({"width": width, "height": height})
                if not _take(page, path, TARGET / f"{name}-{look}{size}.png"):
                    missing.append(name)
                elif size == "" and look in IN_DOCUMENTS.get(name, ()):
                    _take_for_documents(page, DOCUMENTS / f"{name}-{look}.png")
            context.close()
    if not names:
        stranger = browser.new_context(base_url=node.address["admin_url"])
        _take(stranger.new_page(), "/sign-in", TARGET / "sign-in-light.png")
        stranger.close()
    return sorted(set(missing))


def _take(page: Page, path: str, target: Path) -> bool:
    """Whether the page is there; the page for what is not there is one, too. The window is made as
    high as the page, so that what sticks to its lower edge is at the end."""
    answer = page.goto(path)
    page.wait_for_load_state("networkidle" if "/integrations/" in path else "load")
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": page.evaluate("innerWidth"), "height": height})
    page.screenshot(path=target, animations="disabled")
    expected = 404 if target.name.startswith("not-found") else 200
    return answer is not None and answer.status == expected


def _take_for_documents(page: Page, target: Path) -> None:
    """The upper part of the page that is open, with as few colours as such a page has: a third of
    the bytes."""
    page.set_viewport_size({"width": WIDE[0], "height": DOCUMENTS_HEIGHT})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(with_few_colours(page.screenshot(animations="disabled")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
