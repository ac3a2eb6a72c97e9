"""What full runs of the fault tests have found so far, kept between runs.

The full figures take many hours. So each test's result is a line of JSON in a file as soon as it is
there, with the commit and the source that it was found on, and the next run goes on with what is
missing. A result *stands* while the product's source is the same, or where its commit is one of
those that the run takes. What does not stand still tells how long its test takes.

Pure functions over lines of that file; ``resuming.py`` reads and writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.fault.report import DEFECT, ROW, Row, Table, Told

UNKNOWN_S = 15.0
"""What a test counts as of which nobody knows how long it takes."""
_PROMISE = re.compile(r"test_(p\d\d)_|[\[-](p\d\d)-")
_OF_DEFECTS = re.compile(r"_fails_|_the_planted_defect_|_machine_finds")


@dataclass(frozen=True, slots=True)
class Result:
    """Of one test. ``at``: ISO 8601, UTC; ``told``: what it reported, kind and values."""

    test: str
    size: str
    commit: str
    source: str
    at: str
    seconds: float
    failed: bool
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def line(self) -> str:
        """As it stands in the file, with its newline."""
        return json.dumps(asdict(self)) + "\n"


def fresh_line(at: str) -> str:
    """What stands above this line in the file stands for nothing any more."""
    return json.dumps({"fresh": at}) + "\n"


def results(lines: Iterable[str]) -> tuple[list[Result], list[Result]]:
    """All that the file knows, and of these what came behind the last fresh start. A line that was
    cut off when its run was killed is none."""
    known: list[Result] = []
    since = 0
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if "fresh" in found:
            since = len(known)
        else:
            told = [(kind, values) for kind, values in found.pop("told")]
            known.append(Result(**found, told=told))
    return known, known[since:]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One that belongs to the run. ``reports``: it has a row or a planted defect to tell."""

    name: str
    reports: bool

    @property
    def function(self) -> str:
        """Its name without parameters."""
        return self.name.partition("[")[0]

    @property
    def promise(self) -> str:
        """The promise that its name tells; "" where it tells none."""
        found = _PROMISE.search(self.name)
        return (found[1] or found[2]).upper() if found else ""

    @property
    def words(self) -> str:
        """What its name says was done."""
        of_promise = re.search(r"[\[-]p\d\d-(.*)\]", self.name)
        name = re.sub(r"^test_((to_)?p\d\d_)*", "", self.function.rpartition("::")[2])
        return (of_promise[1] if of_promise else name).replace("_", " ")


class Gathered:
    """Results against the tests that there are.

    ``stands`` says which results count, ``took`` how long functions of tests take where no result
    tells, in seconds.
    """

    def __init__(
        self,
        known: Sequence[Result],
        standing: Iterable[Result],
        tests: Sequence[Wanted],
        took: Mapping[str, float],
    ) -> None:
        self.tests = tests
        self._took = took
        self._latest = {result.test: result for result in known}
        names = {test.name for test in tests}
        self._standing: dict[str, list[Result]] = {}
        for result in standing:
            if result.test in names:
                self._standing.setdefault(result.test, []).append(result)

    def add(self, result: Result) -> None:
        """One that has just been found."""
        self._latest[result.test] = result
        self._standing.setdefault(result.test, []).append(result)

    @property
    def failed(self) -> list[str]:
        """Tests whose last result is a failure."""
        return [test for test, found in self._standing.items() if found[-1].failed]

    def left(self) -> list[Wanted]:
        """What has not passed: first what has not run, then what has failed."""
        not_run = [test for test in self.tests if test.name not in self._standing]
        failed = set(self.failed)
        return [*not_run, *(test for test in self.tests if test.name in failed)]

    def seconds(self, test: Wanted) -> float:
        """How long it will take, as far as anybody knows."""
        latest = self._latest.get(test.name)
        if latest is not None:
            return latest.seconds
        alike = [
            result.seconds
            for result in self._latest.values()
            if result.test.partition("[")[0] == test.function
        ]
        if alike:
            return sum(alike) / len(alike)
        return self._took.get(test.function, UNKNOWN_S)

    def fitting(self, seconds: float) -> list[Wanted]:
        """Of what is left, in its order, what can be done in so many seconds."""
        chosen = []
        for test in self.left():
            takes = self.seconds(test)
            if takes <= seconds:
                seconds -= takes
                chosen.append(test)
        return chosen

    def table(self) -> Table:
        """Of what stands, with what is missing marked."""
        table = Table.of_told(
            self._told(result, found)
            for found in self._standing.values()
            for result in found
            if result is found[-1] or result.failed
        )
        for test in self.tests:
            if test.reports and test.name not in self._standing:
                self._miss(table, test)
        return table

    def _told(self, result: Result, found: Sequence[Result]) -> Told:
        """A failure that a later run of its test did not repeat is a note; one that told nothing is
        a row all the same."""
        test = Wanted(result.test, reports=True)
        if result is not found[-1]:
            note = f"failed once before ({result.at[:10]}, {result.commit[:8]})"
            name = _row(found[-1]) or (test.promise, test.words)
            told = [(ROW, asdict(Row(*name, note=note)))]
            return Told(result.seconds, failed=False, told=told, repeated=True)
        told = result.told
        if result.failed and not told:
            told = [(ROW, asdict(Row(test.promise, test.words)))]
        return Told(result.seconds, result.failed, told)

    def _miss(self, table: Table, test: Wanted) -> None:
        earlier = self._latest.get(test.name)
        told = earlier.told if earlier else []
        defects = [values["promise"] for kind, values in told if kind == DEFECT]
        if defects or _OF_DEFECTS.search(test.function):
            promise = defects[0] if defects else test.promise
            if promise:
                table.miss_defect(promise)
            return
        row = (earlier and _row(earlier)) or self._alike(test) or (test.promise, test.words)
        if row[0]:
            table.miss(*row)

    def _alike(self, test: Wanted) -> tuple[str, str] | None:
        """The row that another part of the same test has told, of the same promise."""
        for found in self._standing.values():
            other = Wanted(found[-1].test, reports=True)
            if (other.function, other.promise) == (test.function, test.promise):
                return _row(found[-1])
        return None

    def notes(self) -> list[str]:
        """What the table does not tell: how much is missing, and what it was found on."""
        left = self.left()
        not_run = [test for test in left if test.name not in self._standing]
        total_s = sum(map(self.seconds, left))
        lines = [
            f"{len(self.tests) - len(left)} of {len(self.tests)} tests have passed,"
            f" {len(left) - len(not_run)} failed, {len(not_run)} have not run yet"
            + (f": about {duration(total_s)} more." if left else ".")
        ]
        sources: dict[str, set[str]] = {}
        for found in self._standing.values():
            sources.setdefault(found[-1].commit, set()).add(found[-1].at[:10])
        told = [f"{commit[:12]} ({', '.join(sorted(days))})" for commit, days in sources.items()]
        if told:
            lines.append(f"Found on {'; '.join(told)}.")
        return lines

    def left_lines(self) -> list[str]:
        """What is left, a line for each function of tests, with how long that takes."""
        groups: dict[str, list[float]] = {}
        for test in self.left():
            groups.setdefault(test.function, []).append(self.seconds(test))
        return [
            f"{duration(sum(takes)):>12}  {name}" + (f"  ({len(takes)} parts)" if takes[1:] else "")
            for name, takes in groups.items()
        ]


def _row(result: Result) -> tuple[str, str] | None:
    """Promise and words of the first row that a result has told."""
    for kind, values in result.told:
        if kind == ROW:
            return values["promise"], values["what"]
    return None


def duration(seconds: float) -> str:
    """In words: ``1 h 5 min``, ``12 min``, ``40 s``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def taken(source: str, commits: frozenset[str], size: str) -> Callable[[Result], bool]:
    """Which results stand: of this size, and of this source or one of these commits."""

    def stands(result: Result) -> bool:
        same = result.source == source or result.commit.rstrip("+") in commits
        return result.size == size and same

    return stands
