"""axe-core, the checker of accessibility, run in a page of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

SCRIPT = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
# Colours that are still changing have a contrast that nobody sees.
SETTLED = """() => Promise.allSettled(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
    .map((one) => one.finished))"""
SERIOUS = ("serious", "critical")


def violations(page: Page) -> list[str]:
    """What axe finds serious or critical in the page as it is now, one line each: the rule, and
    the first elements that break it. The script comes by the debugger, past the page's CSP."""
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)  # it is faded while it is made anew
    page.evaluate(SCRIPT.read_text())
    page.evaluate(SETTLED)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:3]]}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
    ]
