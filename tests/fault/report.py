"""One table for all fault tests: what was done, what was found, and that the test can fail.

Any test may take the fixture ``report`` and say what it did, before it asserts anything::

    def test_p04_a_full_disk_gives_503(report: Report, size: Size) -> None:
        ...
        report.row("P04", "each write fails once", cycles=120, acknowledged=4_800, lost=lost)
        assert lost == 0

    def test_p02_...(report: Report) -> None:
        history = run.history()
        report.history("P02", "SIGKILL of any process", cycles=500, history=history)
        assert check(history) == []

    def test_p02_fails_when_calls_are_acknowledged_before_the_commit(report: Report) -> None:
        found = scene.hunt("lost", engine_killed_at_the_answer)
        report.defect("P02", "acknowledged_before_the_commit", found=found)
        assert found

A row is named by its promise and a few words on what was done; a figure that a test does not
measure is left out and shown as "-"; what has no column goes into ``note``. The time is that of the
test. Rows of one name are one row with the sum of their figures, so that a long run may be several
tests. A defect stands in the row of its promise. The table is printed at the end of a run of size
``full`` or ``soak``, and written as Markdown to the file of ``--report``. A test that failed says
so in its row; one that was left out has none (``-rs`` tells why). With ``--gathered`` the table is
that of all runs together, and says what is missing; see resuming.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fault.checker import Kind, check
from tests.fault.history import History

if TYPE_CHECKING:
    from tests.fault.gathered import Gathered

ROW, DEFECT = "promise_row", "planted_defect"
OTHERS: tuple[Kind, ...] = ("phantom", "stale", "crossed", "unbalanced")
FIGURES = ("cycles", "acknowledged", "lost", "doubled", "inverted", "overlapping")
HEAD = (
    "Promise",
    "What was done",
    "Cycles",
    "Acknowledged",
    "Lost",
    "Doubled",
    "Inverted",
    "Overlapping",
    "Time",
    "Planted defect found",
    "Note",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One test's figures; None: not measured."""

    promise: str
    what: str
    cycles: int | None = None
    acknowledged: int | None = None
    lost: int | None = None
    doubled: int | None = None
    inverted: int | None = None
    overlapping: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one test has to tell; see the module's text."""

    item: pytest.Item

    def row(self, promise: str, what: str, **figures: Any) -> None:
        """``figures``: those of ``Row``, by name."""
        self._tell(ROW, asdict(Row(promise, what, **figures)))

    def history(
        self,
        promise: str,
        what: str,
        *,
        cycles: int,
        history: History,
        before: int = 0,
        note: str = "",
    ) -> None:
        """A row of what the checker finds in a history; ``before``: how many of its calls were
        acknowledged before the test began."""
        found = Counter(violation.kind for violation in check(history))
        others = [f"{found[kind]} {kind}" for kind in OTHERS]
        self.row(
            promise,
            what,
            cycles=cycles,
            acknowledged=sum(call.outcome == "ok" for call in history.calls) - before,
            lost=found["lost"],
            doubled=found["doubled"],
            inverted=found["inverted"],
            overlapping=found["overlapping"],
            note=", ".join([*others, *filter(None, [note])]),
        )

    def defect(self, promise: str, name: str, *, found: bool) -> None:
        """Whether a planted defect made the promise's check fail."""
        self._tell(DEFECT, {"promise": promise, "name": name, "found": found})

    def _tell(self, kind: str, told: dict[str, Any]) -> None:
        self.item.user_properties.append((kind, told))


@dataclass(frozen=True, slots=True)
class Told:
    """What one test has told, and how it went. ``repeated``: it has run again since."""

    seconds: float
    failed: bool
    told: Sequence[tuple[str, Any]]
    repeated: bool = False


@dataclass(slots=True)
class _Line:
    row: Row
    seconds: float
    failed: bool
    found: int = 1
    missing: int = 0
    """Tests of this name that have run, and that have not."""

    def add(self, other: _Line) -> None:
        """Take in another line of the same name."""
        mine, more = asdict(self.row), asdict(other.row)
        for name in FIGURES:
            if None not in (mine[name], more[name]):
                mine[name] += more[name]
        notes = dict.fromkeys(filter(None, [mine["note"], more["note"]]))
        self.row = Row(**{**mine, "note": "; ".join(notes)})
        self.seconds += other.seconds
        self.found += other.found
        self.failed = self.failed or other.failed


@dataclass(slots=True)
class Table:
    """All that tests have told; made of pytest's reports, so that it works with several
    processes."""

    lines: list[_Line] = field(default_factory=list)
    defects: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    missed: Counter[str] = field(default_factory=Counter)
    """By promise: tests of planted defects that have not run."""

    @classmethod
    def of(cls, reports: Iterable[Any]) -> Table:
        """Of the reports of the tests themselves, not of their fixtures."""
        return cls.of_told(
            Told(told.duration, told.failed, told.user_properties)
            for told in reports
            if getattr(told, "when", None) == "call"
        )

    @classmethod
    def of_told(cls, all_told: Iterable[Told]) -> Table:
        """Of what tests have told."""
        table = cls()
        for told in all_told:
            for kind, value in told.told:
                if kind == ROW:
                    found = 0 if told.repeated else 1
                    table._add(_Line(Row(**value), told.seconds, told.failed, found))
                elif kind == DEFECT:
                    defect = (value["name"], value["found"])
                    table.defects.setdefault(value["promise"], []).append(defect)
        table.lines.sort(key=lambda line: line.row.promise)
        return table

    def miss(self, promise: str, what: str) -> None:
        """A test of the row of that name has not run."""
        self._add(_Line(Row(promise, what), 0.0, False, found=0)).missing += 1

    def miss_defect(self, promise: str) -> None:
        """A test of one of the promise's planted defects has not run."""
        self.missed[promise] += 1

    def _add(self, line: _Line) -> _Line:
        for known in self.lines:
            if (known.row.promise, known.row.what) == (line.row.promise, line.row.what):
                known.add(line)
                return known
        self.lines.append(line)
        return line

    def cells(self) -> list[list[str]]:
        """The table's lines, as text; a promise that has only defects gets a line too."""
        known = {line.row.promise for line in self.lines}
        promises = dict.fromkeys([*self.defects, *self.missed])
        bare = [_Line(Row(p, "planted defects"), 0.0, False) for p in promises if p not in known]
        left = {p: _named(self.defects.get(p, []), self.missed[p]) for p in promises}
        lines = sorted([*self.lines, *bare], key=lambda line: line.row.promise)
        return [self._cells(line, left.pop(line.row.promise, "")) for line in lines]

    def markdown(self) -> str:
        """The table as Markdown, ending with a newline."""
        rule = ["---", "---", *["---:"] * 7, "---", "---"]
        lines = [list(HEAD), rule, *self.cells()]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def text(self) -> list[str]:
        """The table for a terminal, a line each."""
        lines = [list(HEAD), *self.cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]

    @staticmethod
    def _cells(line: _Line, defects: str) -> list[str]:
        row = line.row
        figures = (getattr(row, name) for name in FIGURES)
        numbers = ["-" if figure is None else f"{figure:,}" for figure in figures]
        note = "; ".join(filter(None, ["FAILED" if line.failed else "", _missing(line), row.note]))
        time = f"{line.seconds:,.0f} s" if line.seconds else "-"
        return [row.promise, row.what, *numbers, time, defects, note]


def _missing(line: _Line) -> str:
    if not line.missing:
        return ""
    of = f"{line.missing} of {line.found + line.missing} " if line.found else ""
    return f"{of}NOT RUN YET"


def _named(defects: Sequence[tuple[str, bool]], missed: int) -> str:
    """The defects of a promise: "yes" only where all that were looked for were found."""
    not_run = f"{missed} NOT RUN YET" if missed else ""
    if not defects:
        return not_run
    unseen = [name for name, found in defects if not found]
    said = f"NO: {', '.join(unseen)}" if unseen else "yes"
    names = ", ".join(dict.fromkeys(name for name, _ in defects))
    return "; ".join(filter(None, [f"{said} ({names.replace('_', ' ')})", not_run]))


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Where a test says what it did; see tests/fault/report.py."""
    return Report(request.node)


def show(
    terminal: pytest.TerminalReporter, config: pytest.Config, gathered: Gathered | None
) -> None:
    """At the end of a run: print the table where the run was a full one, write it where asked;
    of what was ``gathered`` in all runs, where it was."""
    reports = [told for found in terminal.stats.values() for told in found]
    table = gathered.table() if gathered else Table.of(reports)
    notes = gathered.notes() if gathered else []
    if not table.lines and not table.defects:
        return
    if config.getoption("--size") != "quick":
        terminal.section("promises")
        for line in [*table.text(), *notes, *(gathered.left_lines() if gathered else [])]:
            terminal.write_line(line)
    target = config.getoption("--report")
    if target is not None:
        Path(target).write_text(table.markdown() + "".join(f"\n{note}\n" for note in notes))
