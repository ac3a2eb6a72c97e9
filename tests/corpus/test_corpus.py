"""The bad-input corpus: every case of every class has one answer, the same on both stores (P41)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpus.case import CANARY
from tests.corpus.classes import CLASSES
from tests.corpus.keys import UNAUTHORIZED
from tests.corpus.place import Place, placed
from tests.corpus.texts import NUMBERS, TEXTS
from tests.fault import test_outgoing as outgoing
from tests.fault.report import Report
from tests.support.http_corpus import CORPUS
from tests.support.markdown import DOCS, ROOT, rows
from tests.support.postgres import Postgres
from tests.support.public_port import without_call

PAGE = DOCS / "explanation" / "bad-input.md"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        with placed(folder, "sqlite", None) as made:
            yield made
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.database() as url, placed(folder, "postgresql", url) as made:
        yield made


@pytest.mark.parametrize("name", CLASSES)
def test_p41_every_case_has_its_answer(place: Place, name: str, report: Report) -> None:
    cases = CLASSES[name]
    report.row("P41", f"corpus on {place.store}", cycles=len(cases))
    differing = place.differing(cases)
    assert not differing, "\n".join(differing)


def test_p41_nothing_accepted_is_lost_and_nothing_refused_is_stored(place: Place) -> None:
    assert place.acknowledged
    assert place.census() == []


def test_p41_no_wrong_key_is_told_from_another(place: Place) -> None:
    answers = [place.answers[f"wrong: {name}"] for name in UNAUTHORIZED]
    told = {
        (answer["www-authenticate"], without_call(answer.json), len(answer.headers))
        for answer in answers
    }
    assert len(told) == 1


def test_p05_odd_texts_are_found_printed_and_journaled_as_they_were_sent(place: Place) -> None:
    for name, text in TEXTS.items():
        (execution,) = place.message(f"text {name}")["executions"]
        assert [step["result"] for step in execution["steps"]] == [text], name
        if len(text) < 5000:
            assert execution["logs"] == f"{text}\nWARNING {text[:50]}: {text}\n", name
        if len(text.encode()) < 2500:
            asked = {"search_name": "key", "search_value": text, "integration": "Lane"}
            found = place.node.admin("GET", "/workspaces/test/messages", params=asked)["items"]
            assert len(found) == 1 + (text in NUMBERS.values()), name


def test_p41_the_log_tells_of_no_defect_and_of_nothing_that_was_sent(place: Place) -> None:
    place.node.print_output()
    log = "".join(place.node.output)
    assert log
    for word in ("call_failed", "Traceback", "internal_error", "worker_died", CANARY):
        assert word not in log


def test_the_documentation_has_the_number_of_cases_of_each_class() -> None:
    told = {row.cells[0]: row.cells[1:] for row in rows(PAGE) if row.title == "Class"}
    counted = {}
    for name, cases in CLASSES.items():
        taken = sum(case.status < 400 for case in cases)
        counted[name] = [str(count) for count in (len(cases), taken, len(cases) - taken)]
    assert told == counted
    total = f"{sum(map(len, CLASSES.values())):,} cases"
    for page in ("docs/explanation/security.md", "CHANGELOG.md"):
        assert total in (ROOT / page).read_text(), total


def test_the_documentation_has_the_number_of_cases_on_the_wire() -> None:
    told = {row.cells[2]: row.cells[1] for row in rows(PAGE) if row.title == "Beside it"}
    assert told["`tests/support/http_corpus/`"] == str(len(CORPUS))
    # Two names are asked for five times each, since what they lead to changes.
    names = len(outgoing.LOCAL_NAMES) + 2
    cases = len(outgoing.LITERALS) + len(outgoing.URLS) + names
    assert told["`tests/fault/test_outgoing.py`"] == str(cases)


def test_names_are_told_once() -> None:
    for name, cases in CLASSES.items():
        names = [case.name for case in cases]
        assert len(set(names)) == len(names), (name, {n for n in names if names.count(n) > 1})
