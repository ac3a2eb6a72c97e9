"""P08 over nodes: what one node has answered stands before what is sent to another afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.defects import planted
from tests.fault.history import CallRecorder, History
from tests.fault.loader import Caller
from tests.fault.nodes import Nodes, Setting
from tests.fault.report import Report

CALLERS = 64
ACCEPTS = {"quick": 640, "full": 20_000, "soak": 100_000}
PARTS = [0, *(pytest.param(part, marks=pytest.mark.full) for part in range(1, 10))]
REST_S = 120.0

# Commits take up to 20 ms longer after the sequence was taken, each by chance: whoever took its
# sequence first is often not the first to be seen.
DELAYED = """
CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(random() * 0.02); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER delayed AFTER UPDATE OF last_sequence ON integration
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION delay();
"""


def accepted_by_three(url: str, folder: Path, count: int, *environment: tuple[str, str]) -> History:
    """So many calls of 64 callers, each to another node than its last one; commits are delayed."""
    recorder, everyone = CallRecorder(), threading.Barrier(CALLERS)
    with Nodes.started(folder, Setting(url, environment=environment)) as nodes:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(DELAYED.encode())

        def calls(_: int) -> None:
            with Caller(nodes, recorder) as caller:
                everyone.wait()
                for _ in range(count // CALLERS):
                    caller.call("Recorded")

        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(calls, range(CALLERS)))
        nodes.wait_at_rest(REST_S)
        endings, books = tuple(nodes.endings()), tuple(nodes.balances())
    return History(recorder.calls(), (), endings, 0, books)


@pytest.mark.parametrize("part", PARTS)
def test_p08_64_clients_of_three_nodes_get_sequences_in_the_order_of_their_calls(
    part: int, postgres_url: str, tmp_path: Path, size: Size, report: Report
) -> None:
    """Ten parts make up the 200,000 calls of a full run."""
    history = accepted_by_three(postgres_url, tmp_path, ACCEPTS[size])
    what = "64 clients of three nodes, delayed commits"
    report.history("P08", what, cycles=1, history=history)
    assert {call.outcome for call in history.calls} == {"ok"}
    assert check(history) == []


def test_p08_fails_when_a_node_takes_sequences_without_the_triggers_lock(
    postgres_url: str, tmp_path: Path, report: Report
) -> None:
    defect = planted("sequence_without_the_lock")
    history = accepted_by_three(postgres_url, tmp_path, ACCEPTS["quick"], defect)
    found = any(violation.kind in ("crossed", "inverted") for violation in check(history))
    report.defect("P08", "sequence_without_the_lock", found=found)
    assert found
