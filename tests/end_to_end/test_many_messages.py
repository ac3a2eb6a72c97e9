"""Three million messages do not slow a page: the console of a real node on a store of that size;
one million on PostgreSQL.

The quick share of this promise is in tests/unit/store/test_message_search.py and
test_postgresql_plans.py: each filter is answered along its index and no list reads a payload. This
measures.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.fault.big_store import BigStore
from tests.support.big_database import BigDatabase
from tests.support.node import ProjectFolder, RunningNode, running_node

LIMIT_MS = 200.0
TIMES = 7
SUCCEEDED, FAILED = 2_400_000, 600_000
DOCUMENT = {
    "search": {"order_no": "body.order_no"},
    "workflow": {
        "steps": [
            {
                "name": "refuse",
                "when": '{% input.body.city != "Kalmar" %}',
                "fail": {"message": "no such city"},
            }
        ]
    },
}


def begun(data_dir: Path, project: ProjectFolder, **environment: str) -> None:
    """A store with a message of each of two integrations."""
    for name in ("Good", "Bad"):
        project.integration({"name": name, **DOCUMENT})
    with running_node(data_dir, project.path, **environment) as node:
        for name, city in (("Good", "Kalmar"), ("Bad", "Atlantis")):
            body = {"order_no": "A-100", "city": city, "lines": ["x" * 90] * 5}
            node.until_settled(node.call(name, json=body))


def pages(node: RunningNode, sequence: int) -> dict[str, str]:
    """Addresses by what they show."""
    newest = node.admin("GET", "/workspaces/test/messages?integration=Bad&limit=1")["items"][0]
    list_ = "/w/test/messages"
    deep = node.admin("GET", "/workspaces/test/messages?limit=500")["next"]
    return {
        "first page": list_,
        "by integration": f"{list_}?integration=Good",
        "by state": f"{list_}?state=failed",
        "by failure": f"{list_}?state=failed&failure_code=permanent_error&unrepeated=true",
        "by consumer": f"{list_}?consumer=tester",
        "by time": f"{list_}?received_from=2020-01-01T00:00:00Z&received_until=2099-01-01",
        "by sequence": f"{list_}?sequence={sequence}",
        "by search name": f"{list_}?search_name=order_no&search_value=A-100",
        "nothing found": f"{list_}?state=skipped",
        "an older page": f"{list_}?cursor={deep}",
        "a message": f"{list_}/{newest['id']}",
        "lanes": "/w/test/lanes",
    }


def median_ms(get: Callable[[], httpx2.Response]) -> float:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = get()
        taken.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text[:500]
    return statistics.median(taken)


@pytest.mark.full
def test_three_million_messages_do_not_slow_a_page(tmp_path: Path, data_dir: Path) -> None:
    project = tmp_path / "project"
    begun(data_dir, ProjectFolder(project))
    store = BigStore(data_dir / "firesteel.db")
    store.multiply("Good", SUCCEEDED)
    store.multiply("Bad", FAILED)
    with running_node(data_dir, project) as node:
        assert slow_pages(node) == {}


@pytest.mark.full
def test_a_million_messages_on_postgresql_do_not_slow_a_page(
    tmp_path: Path, data_dir: Path, postgres_url: str
) -> None:
    project = tmp_path / "project"
    environment = {"FIRESTEEL_DATABASE_URL": postgres_url}
    begun(data_dir, ProjectFolder(project), **environment)
    store = BigDatabase(postgres_url)
    store.multiply(store.trigger_no("Good"), SUCCEEDED // 3)
    store.multiply(store.trigger_no("Bad"), FAILED // 3)
    with running_node(data_dir, project, **environment) as node:
        assert slow_pages(node, sequence=SUCCEEDED // 6) == {}


def slow_pages(node: RunningNode, *, sequence: int = SUCCEEDED // 2) -> dict[str, float]:
    """Those that take too long, with their milliseconds; all are printed."""
    address = node.address
    headers = {"authorization": f"Bearer {address['token']}", "accept": "text/html"}
    measured = {}
    for name, path in pages(node, sequence).items():
        url = f"{address['admin_url']}{path}"
        measured[name] = median_ms(lambda url=url: node.client.get(url, headers=headers))
    print("\n".join(f"| {name} | {ms:.0f} ms |" for name, ms in measured.items()))  # noqa: T201
    return {name: ms for name, ms in measured.items() if ms > LIMIT_MS}
