"""Plays the tests against one mutant in a process of its own, forked off a pytest that has them.

The mutant's functions take the place of the module's; what the tests start reads a changed file.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from scripts.idleness import Idleness
from scripts.mutations import Mutant
from tests.support.empty_store import empty_store

MEMORY = Path("/dev/shm")  # noqa: S108  # folders of random names
SHORTEST_S, LONGEST_S = 5.0, 60.0
"""For the tests of one mutant: between them lies three times what they take without it."""
IDLE_S = 3.0
"""Where nothing has run for so long, the tests wait in vain."""
LONGER_S = 4.0
"""A single test may take so much more than three times what it takes without it."""
TOO_LONG = "took too long"


class MutantProcess:
    """A process in which tests are played; ``folder`` is its own, for all temporary files."""

    def __init__(
        self, mutant: Mutant, tests: Sequence[str], *, allowed_s: float, idle_s: float
    ) -> None:
        self.mutant = mutant
        self.tests = tests
        self._allowed_s = allowed_s
        self._idle_s = idle_s

    def started(self, pid: int, folder: Path) -> None:
        """It runs from now on."""
        self._pid = pid
        self._folder = folder
        self._began = time.monotonic()
        self._exit: int | None = None
        self._late = False
        self._idleness = Idleness(pid)

    def over(self) -> bool:
        """Whether it has ended; one that takes too long is ended, with all that it started."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            self._exit = os.waitstatus_to_exitcode(status)
            self._end()
            return True
        took_s = time.monotonic() - self._began
        if took_s > self._allowed_s or self._idleness.seconds() > self._idle_s:
            self._late = True
            self._end()
        return False

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)

    def result(self) -> dict[str, Any]:
        """``killed``, ``by`` (the test, or what else), ``seconds``; its folder is removed."""
        failed = self._folder / "failed"
        by = failed.read_text("utf-8") if failed.exists() else ""
        if self._late or self._exit == -signal.SIGALRM:
            by = TOO_LONG
        shutil.rmtree(self._folder, ignore_errors=True)
        seconds = round(time.monotonic() - self._began, 1)
        return {"killed": self._exit != 0, "by": by, "seconds": seconds}


class Reach:
    """Which test enters which functions of the files, and for how long each runs."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = frozenset(map(str, files))
        self._test = ""
        self.entered: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}

    def watch(self) -> None:
        """From now on, in this process and its threads."""
        threading.setprofile(self._enter)
        sys.setprofile(self._enter)

    def _enter(self, frame: FrameType, event: str, _arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename in self._files:
            self.entered[self._test].add((code.co_filename, code.co_firstlineno))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._test = nodeid
        self.entered[nodeid] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of it is over."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


class Experience:
    """Which test kills mutants of which function: the likely and quick ones are played first."""

    def __init__(self) -> None:
        self._played: Counter[tuple[str, str]] = Counter()
        self._kills: Counter[tuple[str, str]] = Counter()

    def add(self, function: str, tests: Sequence[str], killer: str) -> None:
        """``tests`` in the order in which they were to be played; none after the killer was."""
        until = tests.index(killer) + 1 if killer else len(tests)
        self._played.update((function, test) for test in tests[:until])
        if killer:
            self._kills[function, killer] += 1

    def chance(self, function: str, test: str) -> float:
        """Of killing the next one: above 0, 1 at most."""
        place = (function, test)
        return (self._kills[place] + 0.1) / (self._played[place] + 1)


class Player:
    """A plugin of pytest: plays what was collected in children instead of here."""

    def __init__(
        self, modules: dict[str, Path], play: Callable[[Player], None], patience: float
    ) -> None:
        self.child = False
        self.failed = ""
        self._modules = modules
        self._play = play
        self._patience = patience
        self._items: list[pytest.Item] = []
        self._reached: dict[str, set[tuple[str, int]]] = {}
        self._seconds: dict[str, float] = {}
        self._experience = Experience()
        self._folder = Path()
        self._reach: Reach | None = None
        # Closed when this process ends, however it does: then the children end too.
        self._lifeline = os.pipe()

    def pytest_configure(self) -> None:
        """To shrink what failed tells people more, but not whether it failed."""
        # Imported here: pytest wants to see its plugins' modules first.
        from hypothesis import Phase, settings

        settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """None in a child: it runs the tests as pytest does."""
        for module in self._modules:
            importlib.import_module(module)
        empty_store()  # made here, children only copy it
        self._items = session.items
        if not self._measure(session):
            return None if self.child else True
        self._play(self)
        return None if self.child else True

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """In a mutant's child: a test that waits in vain need not wait to its end."""
        if nodeid in self._seconds:
            longest_s = self._patience * (LONGER_S + 3 * self._seconds[nodeid])
            signal.setitimer(signal.ITIMER_REAL, longest_s)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """In a child: the first test that fails ends it; nobody reads how it failed."""
        if self.child and call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
            (self._folder / "failed").write_text(item.nodeid, "utf-8")
            os._exit(1)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """In a child: what pytest tidies up goes with the process."""
        if self.child:
            self._exit(int(exitstatus))

    def _exit(self, code: int) -> None:
        if self._reach is not None:
            sys.setprofile(None)
            threading.setprofile(None)
            reached = {test: sorted(entered) for test, entered in self._reach.entered.items()}
            text = json.dumps([reached, self._reach.seconds])
            (self._folder / "reach").write_text(text, "utf-8")
        os._exit(code)

    def start(self, file: Path, mutant: Mutant) -> MutantProcess:
        """Begin with a mutant; in the child, the tests that reach it are what is left to run."""
        items = self._that_reach(file, mutant)
        unchanged_s = sum(self._seconds[item.nodeid] for item in items)
        allowed_s = self._patience * min(SHORTEST_S + 3 * unchanged_s, LONGEST_S)
        process = MutantProcess(
            mutant,
            [item.nodeid for item in items],
            allowed_s=allowed_s,
            idle_s=self._patience * IDLE_S,
        )
        pid, folder = self._fork()
        process.started(pid, folder)
        if not pid:
            self._items[:] = items
            self._change({file: mutant.tree}, folder)
        return process

    def learn(self, file: Path, process: MutantProcess, killer: str) -> None:
        """What was played against a mutant, and what killed it; "": nothing did."""
        self._experience.add(_function(file, process.mutant), process.tests, killer)

    def _measure(self, session: pytest.Session) -> bool:
        """Play the tests against the modules as they are, put in their own place as a mutant would
        be; False where they fail, and in the child."""
        began = time.monotonic()
        pid, folder = self._fork()
        if not pid:
            files = self._modules.values()
            self._reach = Reach(files)
            session.config.pluginmanager.register(self._reach)
            self._change({file: ast.parse(file.read_text("utf-8")) for file in files}, folder)
            self._reach.watch()
            return False
        _, status = os.waitpid(pid, 0)
        taken_s = time.monotonic() - began
        if status:
            failed = folder / "failed"
            self.failed = failed.read_text("utf-8") if failed.exists() else f"status {status}"
        else:
            reached, self._seconds = json.loads((folder / "reach").read_text("utf-8"))
            self._reached = {test: set(map(tuple, found)) for test, found in reached.items()}
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{len(self._items)} tests without a mutant: {taken_s:.1f} s", flush=True)
        return not self.failed

    def _change(self, trees: dict[Path, ast.Module], folder: Path) -> None:
        for file, tree in trees.items():
            _replace_functions(file, tree)
        os.environ["PYTHONPATH"] = str(_shadow(trees, folder))

    def _that_reach(self, file: Path, mutant: Mutant) -> list[pytest.Item]:
        lines = {(str(file), line) for line in _lines_of_function(file, mutant.line)}
        function = _function(file, mutant)

        def reaches(item: pytest.Item) -> bool:
            return "end_to_end" in item.nodeid or bool(lines & self._reached[item.nodeid])

        def cost(item: pytest.Item) -> float:
            return self._seconds[item.nodeid] / self._experience.chance(function, item.nodeid)

        return sorted(filter(reaches, self._items), key=cost)

    def _fork(self) -> tuple[int, Path]:
        memory = MEMORY if MEMORY.is_dir() else None
        folder = Path(tempfile.mkdtemp(prefix="firesteel-mutant-", dir=memory))
        pid = os.fork()
        if not pid:
            self.child = True
            self._folder = folder
            self._settle_down(folder)
        return pid, folder

    def _settle_down(self, folder: Path) -> None:
        """What makes a child one: its own group and folder, no voice, and an end."""
        os.setsid()
        os.close(self._lifeline[1])
        threading.Thread(target=_end_after_parent, args=(self._lifeline[0],), daemon=True).start()
        silence = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silence, number)
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None


def _end_after_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _lines_of_function(file: Path, line: int) -> Iterator[int]:
    """Of the outermost function around the line, its decorators too."""
    for node in _outermost(ast.parse(file.read_text("utf-8"))):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        last = node.end_lineno or node.lineno
        if first <= line <= last:
            yield from range(first, last + 1)


def _function(file: Path, mutant: Mutant) -> str:
    return f"{file}:{min(_lines_of_function(file, mutant.line))}"


def _outermost(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        else:
            yield from _outermost(child)


def _replace_functions(file: Path, changed: ast.Module) -> None:
    codes = dict(_codes(compile(changed, str(file), "exec", dont_inherit=True)))
    for found in gc.get_objects():
        if isinstance(found, FunctionType) and found.__code__.co_filename == str(file):
            code = found.__code__
            new = codes.get((code.co_qualname, code.co_firstlineno))
            if new is not None:
                found.__code__ = new


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield (constant.co_qualname, constant.co_firstlineno), constant
            yield from _codes(constant)


def _shadow(changed: dict[Path, ast.Module], folder: Path) -> Path:
    """A package like ours in which only those files differ, for processes that the tests start."""
    top = folder / "shadow"
    package = next(above for above in next(iter(changed)).parents if above.name == "firesteel")
    _link(package, top / package.name, changed)
    return top


def _link(source: Path, target: Path, changed: dict[Path, ast.Module]) -> None:
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if entry in changed:
            (target / entry.name).write_text(ast.unparse(changed[entry]), "utf-8")
        elif any(entry in file.parents for file in changed):
            _link(entry, target / entry.name, changed)
        elif entry.name != "__pycache__":
            (target / entry.name).symlink_to(entry)
