"""The page of workers where several nodes share a store: seen at one glance, on a phone too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.support.node import RunningNode, running_node
from tests.support.postgres import Postgres


@pytest.fixture(scope="module")
def node(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A gateway, alone on its store."""
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o700)
    with (
        postgres.database() as url,
        running_node(data, FIRESTEEL_DATABASE_URL=url, FIRESTEEL_ROLE="gateway") as running,
    ):
        yield running


@pytest.mark.parametrize("width", [390, 1280])
def test_the_lease_and_what_runs_are_seen_without_scrolling(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/workers")
    for region in (
        page.get_by_role("region", name="Nodes"),
        page.get_by_role("region", name="Workers"),
    ):
        assert region.evaluate("area => area.scrollWidth <= area.clientWidth")
    nodes = page.get_by_role("region", name="Nodes").get_by_role("row")
    expect(nodes.filter(has_text="this one")).to_contain_text("holds")
    assert violations(page) == []


def test_the_worker_of_a_gateway_is_shown_to_take_no_attempts(
    node: RunningNode, page: Page
) -> None:
    page.goto("/workers")
    expect(page.get_by_role("region", name="Workers")).to_contain_text("takes no attempts")
    ready = node.client.get(f"{node.address['admin_url']}/health/ready").json()
    assert (ready["ready"], ready["workers"]) == (True, 0)
