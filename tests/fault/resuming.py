"""A plugin of pytest: a full run goes on where the last one ended.

``--gathered FILE`` appends each test's result to the file when it has ended, and leaves out the
tests whose results stand; see gathered.py. With it go ``--fresh`` (nothing found before stands),
``--since COMMIT`` (what was found on that commit and later ones stands too) and ``--minutes N``
(only what can be done in so many minutes; 0 shows the table of what there is).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fault.gathered import Gathered, Result, Wanted, duration, fresh_line, results, taken

ROOT = Path(__file__).parents[2]
TOOK = Path(__file__).parent / "took.json"
"""Seconds by function of tests, measured once on two cores: for who has no results yet."""


def add_options(parser: pytest.Parser) -> None:
    """Those that the module's text tells."""
    parser.addoption("--gathered", metavar="FILE", help="go on where the runs in this file ended")
    parser.addoption("--fresh", action="store_true", help="nothing in that file stands")
    parser.addoption("--since", metavar="COMMIT", help="what was found since then stands too")
    parser.addoption("--minutes", type=float, help="only what can be done in so many minutes")


class Resuming:
    """Registered where ``--gathered`` is given."""

    def __init__(self, file: Path, config: pytest.Config) -> None:
        self._file = file
        self._size = config.getoption("--size")
        minutes = config.getoption("--minutes")
        self._seconds = None if minutes is None else 60 * minutes
        self._since = config.getoption("--since")
        self._commit = commit()
        self._source = source()
        self._began = time.monotonic()
        self._plan: list[Wanted] = []
        file.parent.mkdir(parents=True, exist_ok=True)
        if config.getoption("--fresh"):
            self._append(fresh_line(_now()))
        self.gathered = Gathered([], [], [], {})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what stands, and what the time does not suffice for."""
        lines = self._file.read_text("utf-8").splitlines() if self._file.exists() else []
        known, since = results(lines)
        stands = taken(self._source, commits_since(self._since), self._size)
        tests = [
            Wanted(item.nodeid, reports="report" in getattr(item, "fixturenames", ()))
            for item in items
        ]
        took = json.loads(TOOK.read_text("utf-8"))
        self.gathered = Gathered(known, filter(stands, since), tests, took)
        fits = self.gathered.left() if self._seconds is None else self._fitting(self._seconds)
        self._plan = fits
        places = {test.name: place for place, test in enumerate(fits)}
        left_out = [item for item in items if item.nodeid not in places]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
        chosen = [item for item in items if item.nodeid in places]
        items[:] = sorted(chosen, key=lambda item: places[item.nodeid])

    def _fitting(self, seconds: float) -> list[Wanted]:
        return self.gathered.fitting(seconds) if seconds else []

    def pytest_report_collectionfinish(self) -> Sequence[str]:
        """How long it will take."""
        takes = sum(map(self.gathered.seconds, self._plan))
        return [*self.gathered.notes(), f"This run: {len(self._plan)} tests, {duration(takes)}."]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a test has found, at once. One that was left out has found nothing."""
        if report.skipped or (report.when != "call" and not report.failed):
            return
        result = Result(
            report.nodeid,
            self._size,
            self._commit,
            self._source,
            _now(),
            round(report.duration, 1),
            report.failed,
            list(report.user_properties),  # type: ignore[arg-type]  # pytest knows no more of them
        )
        self.gathered.add(result)
        self._append(result.line())

    def pytest_runtest_logfinish(self) -> None:
        """Begin nothing more when the time is over."""
        over = self._seconds is not None and time.monotonic() - self._began > self._seconds
        if over:
            pytest.exit("the time is over; the next run goes on", returncode=self._code())

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A run in which nothing was left to do has done well, unless something stands failed."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = self._code()

    def _code(self) -> int:
        return 1 if self.gathered.failed else 0

    def _append(self, line: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line)


def commit() -> str:
    """The commit checked out, with "+" where files differ from it; "" where there is no Git."""
    found = _git("rev-parse", "HEAD")
    return f"{found}+" if found and _git("status", "--porcelain", "--", "src", "tests") else found


def commits_since(first: str | None) -> frozenset[str]:
    """The commit and those between it and the one checked out. Raises UsageError."""
    if first is None:
        return frozenset()
    known = _git("rev-parse", "--verify", f"{first}^{{commit}}")
    if not known:
        message = f"--since {first}: there is no such commit"
        raise pytest.UsageError(message)
    return frozenset([known, *_git("rev-list", f"{known}..HEAD").split()])


def source() -> str:
    """A digest of all that runs in a node."""
    digest = hashlib.blake2b(digest_size=8)
    package = ROOT / "src" / "firesteel"
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
