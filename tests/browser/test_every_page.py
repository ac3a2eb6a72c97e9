"""What holds for every page: small, readable on a phone and without scripts, whole with the
keyboard, and nothing serious that axe would find, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.console_pages import PAGES, address
from tests.support.demo_node import demo_node
from tests.support.node import RunningNode

LIMIT_BYTES = 300_000
FOCUSABLE = """() => {
  const all = document.querySelectorAll(
    'a[href], button:enabled, input:enabled:not([type=hidden]), select:enabled, ' +
    'textarea:enabled, summary, [tabindex="0"]');
  const radios = new Set();
  return [...all].filter((element) => {
    if (!element.checkVisibility({visibilityProperty: true})) return false;
    if (element.closest('[inert], details:not([open]) > :not(summary)')) return false;
    if (element.type !== 'radio') return element.tabIndex >= 0;
    const group = element.form?.id + element.name;
    const one = !radios.has(group);
    radios.add(group);
    return one;
  }).map((element, number) => { element.dataset.stop = number; return number; });
}"""
FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const shown = element.offsetParent === null || parseFloat(style.outlineWidth) > 0
    || style.boxShadow !== 'none' || element.closest('.cm-focused') !== null;
  const radio = element.type === 'radio'
    ? document.querySelector(`[data-stop][name="${element.name}"]`) : element;
  return {stop: radio?.dataset.stop ?? null, shown, html: element.outerHTML.slice(0, 200)};
}"""


@dataclass
class Visit:
    """A page that was opened for the first time by its browser."""

    name: str
    page: Page
    bytes: int


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with demo_node(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module", params=list(PAGES))
def visit(request: pytest.FixtureRequest, browser: Browser, node: RunningNode) -> Iterator[Visit]:
    context = signed_in(browser, node, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(_encoded(answer.all_headers()))))
    answer = page.goto(address(node, request.param))
    assert answer is not None
    assert answer.status == (404 if request.param == "not-found" else 200)
    transferred = page.evaluate(
        "performance.getEntries().reduce((sum, one) => sum + (one.encodedBodySize ?? 0), 0)"
    )
    yield Visit(request.param, page, transferred + sum(sizes))
    context.close()


def _encoded(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def test_it_is_small(visit: Visit) -> None:
    assert 10_000 < visit.bytes < LIMIT_BYTES


@pytest.mark.parametrize("look", ["light", "dark"])
def test_axe_finds_nothing_serious(visit: Visit, look: str) -> None:
    visit.page.evaluate("(look) => document.documentElement.dataset.bsTheme = look", look)

    assert violations(visit.page) == []


def test_every_part_is_reached_by_the_keyboard_and_seen_there(visit: Visit) -> None:
    page = visit.page
    wanted = {str(number) for number in page.evaluate(FOCUSABLE)}
    page.evaluate("document.activeElement.blur()")
    reached: set[str] = set()

    # A field for a date and a time has a stop for each of its parts.
    for _ in range(len(wanted) + 40):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["shown"], f"its focus is not to be seen: {focused['html']}"
        reached.add(str(focused["stop"]))
        if wanted <= reached:
            break

    missed = [
        page.locator(f'[data-stop="{stop}"]').first.evaluate("(e) => e.outerHTML.slice(0, 200)")
        for stop in wanted - reached
    ]
    assert missed == []


def test_it_fits_on_a_phone(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})

    wide = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll('main *, header *')]
               .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
               .filter((e) => !e.parentElement.closest('.table-responsive, pre, .fs-tabs'))
               .map((e) => e.outerHTML.slice(0, 150)).slice(0, 3)"""
    )

    assert wide == []
    page.set_viewport_size({"width": 1280, "height": 720})


def test_it_is_readable_without_scripts(visit: Visit, browser: Browser, node: RunningNode) -> None:
    context = signed_in(browser, node, java_script_enabled=False)
    page = context.new_page()

    page.goto(address(node, visit.name))

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    assert len(page.locator("main").inner_text()) > 40
    context.close()
