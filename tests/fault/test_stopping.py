"""P28: a node that is told to stop answers every complete request."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.service import Service
from tests.fault.stores import DEFECTS_ON, STORES, kept_on, told

CALLS = 100
STOPS = {"quick": 2, "full": 50, "soak": 500}
WAIT_S = 60.0


def unanswered(service: Service, *, at_work: bool = False) -> tuple[int, int]:
    """Complete requests that had no answer, and those whose execution succeeded, of a node that is
    told to stop as soon as they have left, or has begun to answer; it is started again."""
    node = service.node
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(_sent(service, number)) for number in range(CALLS)]
        statuses = [_status(calls.pop())] if at_work else []
        code = node.stop()
        statuses += [_status(call) for call in calls]
    assert code == 0
    assert set(statuses) <= {200, 503, None}
    service.start()
    return statuses.count(None), statuses.count(200)


@contextlib.contextmanager
def _sent(service: Service, number: int) -> Iterator[http.client.HTTPConnection]:
    """A call that has left whole, on a connection of its own."""
    netloc = urlsplit(service.url).netloc
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=WAIT_S)) as connection:
        body = json.dumps({"value": f"s{number}", "lane": None})
        connection.request("POST", "/test/Answered", body, service.headers())
        yield connection


def _status(connection: http.client.HTTPConnection) -> int | None:
    try:
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize("store", STORES)
def test_p28_no_complete_request_goes_unanswered(
    store: str, tmp_path: Path, size: Size, request: pytest.FixtureRequest, report: Report
) -> None:
    with kept_on(store, request) as environment, Scene.set(tmp_path, *environment) as scene:
        found = [unanswered(scene.service, at_work=bool(n % 2)) for n in range(STOPS[size])]
        scene.service.wait_at_rest(WAIT_S)
    lost, answered = (sum(column) for column in zip(*found, strict=True))
    what = told("SIGTERM under calls", store)
    report.row("P28", what, cycles=len(found), acknowledged=answered, lost=lost)
    assert lost == 0


@pytest.mark.parametrize("store", DEFECTS_ON)
def test_p28_fails_when_a_stop_drops_requests(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with (
        kept_on(store, request) as environment,
        Scene.set(tmp_path, *environment, planted("stop_drops_requests")) as scene,
    ):
        found = any(unanswered(scene.service)[0] for _ in range(5))
    report.defect("P28", told("stop_drops_requests", store), found=found)
    assert found
