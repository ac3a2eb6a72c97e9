"""How a browser of a test gets into the console."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext

from tests.support.node import RunningNode


def signed_in(browser: Browser, node: RunningNode, **options: Any) -> BrowserContext:
    """A new profile with every right. ``options``: of Playwright's ``new_context``."""
    address = node.address
    return browser.new_context(
        base_url=address["admin_url"],
        extra_http_headers={"Authorization": f"Bearer {address['token']}"},
        **options,
    )
