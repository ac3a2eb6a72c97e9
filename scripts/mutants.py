"""Mutation testing: change one thing in a module, and see that some test of the quick suite fails.

    python -m scripts.mutants store/ledger/outcomes.py              all mutants of one module
    python -m scripts.mutants store/ledger/outcomes.py --sample 40  every n-th, about 40 of them
    python -m scripts.mutants --seconds 280                         all modules; go on another time

Every mutant is played in a process of its own, made after the tests were collected: the tests that
reach the changed function, likely killers and quick ones first, until one fails. A mutant under
which they take three times as long as they should is killed too (a busy machine needs more
``--patience``). Nothing in the source is touched. What was found stands in ``build/mutants.jsonl``,
a line a mutant, and is not played again while the function is the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firesteel.store.migrations.postgresql import migrate
from firesteel.store.postgresql.connection import Address
from scripts.mutant_process import TOO_LONG, MutantProcess, Player
from scripts.mutations import Mutant, mutants
from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "firesteel"
FOUND = ROOT / "build" / "mutants.jsonl"
OPTIONS = ("-x", "-qq", "-s", "-p", "no:cacheprovider")
ON_SQLITE = "not test_the_machine_finds and not postgresql"
"""Without the tests of planted defects, which would call any other defect found, and on SQLite,
which is the quicker store."""
ON_POSTGRESQL = "not sqlite and not " + " and not ".join(
    (
        *("crash_of_the_server", "before_an_outage", "server_that_stands_still"),
        *("database_is_gone", "commands_in_doubt", "came_back_unsafe", "switches_flushing_off"),
    )
)
"""Without the tests that stop the server, which all mutants share, or change how it is set up."""
STORE = [
    *("tests/contract/test_journal.py", "tests/contract/test_journal_acts.py"),
    *("tests/contract/test_journal_keys.py", "tests/contract/test_journal_bounds.py"),
    *("tests/unit/store/test_sqlite_writer.py", "tests/contract/test_edited_replays.py"),
    *("tests/contract/test_history.py", "tests/contract/test_journal_bodies.py"),
    *("tests/contract/test_journal_lanes.py", "tests/contract/test_journal_after_acts.py"),
    *("tests/contract/test_journal_retries.py", "tests/contract/test_journal_restart.py"),
    *("tests/unit/store/test_crashed_session.py", "tests/unit/store/test_mirror.py"),
    *("tests/unit/store/test_writer_thread.py", "tests/unit/store/test_statements.py"),
    "tests/property/test_journal_model.py",
]
ENGINE = [
    f"tests/unit/engine/test_{name}.py"
    for name in (
        "engine",
        "engine_asking",
        "recalling",
        "dispatch",
        "long_bodies",
        "other_nodes",
        "commits",
        "waiters",
        "live",
        "pool",
        "retry",
        "traffic",
        "bulk",
    )
]
GATEWAY = [
    f"tests/unit/gateway/test_{name}.py"
    for name in (
        "admission",
        "checks",
        "client_address",
        "client_certificates",
        "signatures",
        "tokens",
    )
]
CALLS = [
    f"tests/unit/gateway/test_{name}.py"
    for name in (
        "answers",
        "received",
        "checks",
        "cross_origin",
        "half_closed",
        "held_bodies",
        "long_bodies",
        "signatures",
        "tokens",
    )
]
POSTGRESQL = [
    *(f"tests/contract/test_journal{part}.py" for part in ("", "_acts", "_keys", "_bounds")),
    *(f"tests/contract/test_journal_{part}.py" for part in ("after_acts", "bodies", "lanes")),
    *(f"tests/contract/test_journal_{part}.py" for part in ("restart", "retries")),
    *("tests/contract/test_edited_replays.py", "tests/contract/test_lane_length.py"),
    *("tests/contract/nodes/test_counts.py", "tests/contract/nodes/test_journal_on_nodes.py"),
    *("tests/contract/nodes/test_journal_losses.py", "tests/unit/store/test_nodes_clock.py"),
    "tests/unit/store/test_postgresql_pen.py",
    "tests/contract/test_moving.py::test_nodes_are_refused_until_all_is_there_and_compared",
]
STORE_MODULES = (
    *(f"ledger/{name}" for name in ("acts", "appends", "claims", "mirror", "outcomes")),
    "ledger/journal",
    *(f"sqlite/{name}" for name in ("journal", "ledger", "pen", "row_group", "sessions", "writer")),
    "sql/lanes",
)
MODULES = {
    **{f"store/{name}.py": STORE for name in STORE_MODULES},
    **{
        f"engine/{name}.py": ENGINE
        for name in ("calls", "engine", "dispatch", "waiters", "commits")
    },
    **{
        f"store/postgresql/{name}.py": POSTGRESQL
        for name in (
            *("acts", "appends", "claims", "sessions"),
            *("ledger", "pen", "mirror", "writer"),
        )
    },
    "gateway/admission.py": GATEWAY,
    **{f"gateway/{name}.py": CALLS for name in ("caller", "keys")},
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line says. ``until``: on the monotonic clock; ``again``: what is played
    although it was: ``survived``, ``late``."""

    sample: int | None
    until: float
    again: frozenset[str]
    at_once: int


class Found:
    """The file of results: one JSON object a line, the last one of a mutant stands."""

    def __init__(self, module: str, all_mutants: list[Mutant]) -> None:
        self._module = module
        self.results: dict[tuple[str, str], dict[str, Any]] = {}
        known = {_key(mutant) for mutant in all_mutants}
        lines = FOUND.read_text("utf-8").splitlines() if FOUND.exists() else []
        for line in lines:
            result = json.loads(line)
            key = result["place"], result["code"]
            if result["module"] == module and key in known:
                self.results[key] = result

    def of(self, mutant: Mutant) -> dict[str, Any] | None:
        """What was found of it; None: it was not played since its function changed."""
        return self.results.get(_key(mutant))

    def add(self, mutant: Mutant, result: dict[str, Any]) -> None:
        """Written at once, so that a run that is ended loses nothing."""
        whole = {"module": self._module, "place": mutant.place, "code": mutant.code, **result}
        self.results[_key(mutant)] = whole
        FOUND.parent.mkdir(exist_ok=True)
        with FOUND.open("a", encoding="utf-8") as file:
            file.write(json.dumps(whole) + "\n")

    @property
    def killed(self) -> int:
        """Of those that were played."""
        return sum(result["killed"] for result in self.results.values())


class Module:
    """One module's mutants, played by a few processes at a time."""

    def __init__(self, path: str, chosen: Chosen) -> None:
        source = (SOURCE / path).read_text("utf-8")
        self.path = path
        self.name = "firesteel." + path.removesuffix(".py").replace("/", ".")
        self.all = mutants(source)
        self.found = Found(path, self.all)
        self._chosen = chosen
        every = max(1, len(self.all) // chosen.sample) if chosen.sample else 1
        self._left = [mutant for mutant in self.all[::every] if self._wanted(mutant)]
        self._running: list[MutantProcess] = []

    @property
    def done(self) -> bool:
        """Whether nothing of what was asked for is left to play."""
        return not self._left

    def _wanted(self, mutant: Mutant) -> bool:
        result = self.found.of(mutant)
        return result is None or _kind(result) in self._chosen.again

    def play(self, player: Player) -> None:
        """Play what is left, as far as the time goes."""
        while self._running or self._more():
            while self._more() and len(self._running) < self._chosen.at_once:
                process = player.start(SOURCE / self.path, self._left.pop(0))
                if player.child:
                    return
                self._running.append(process)
            time.sleep(0.005)
            for process in list(self._running):
                if process.over():
                    self._running.remove(process)
                    result = self._note(process)
                    if result["by"] in process.tests or not result["killed"]:
                        player.learn(SOURCE / self.path, process, result["by"])

    def _more(self) -> bool:
        return bool(self._left) and time.monotonic() < self._chosen.until

    def _note(self, process: MutantProcess) -> dict[str, Any]:
        result = process.result()
        if Postgres.shared is not None:
            Postgres.shared.tidy()
        self.found.add(process.mutant, result)
        what = "killed  " if result["killed"] else "SURVIVED"
        print(
            f"{len(self.found.results):4}/{len(self.all)} {what} {result['seconds']:5.1f} s "
            f"{self.path}:{process.mutant.line}: {process.mutant.place}  {result['by']}",
            flush=True,
        )
        return result

    def summary(self) -> str:
        """What is known of it, of this run and earlier ones."""
        found = self.found
        return f"{found.killed} of {len(found.results)} killed ({len(self.all)} mutants in all)"


def _key(mutant: Mutant) -> tuple[str, str]:
    return mutant.place, mutant.code


def _kind(result: dict[str, Any]) -> str:
    """``survived``, ``late`` or ``killed``."""
    if not result["killed"]:
        return "survived"
    return "late" if result["by"] == TOO_LONG else "killed"


def _play(group: list[Module], tests: list[str], patience: float) -> bool:
    """Play the modules that have the same tests; False where those fail without a mutant."""

    def play(player: Player) -> None:
        for module in group:
            module.play(player)
            if player.child:
                return

    files = {module.name: SOURCE / module.path for module in group}
    player = Player(files, play, patience)
    with contextlib.ExitStack() as stack:
        which = ON_SQLITE
        if tests is POSTGRESQL:
            stack.enter_context(_server())
            which = ON_POSTGRESQL
        pytest.main([*OPTIONS, "-k", which, *tests], [player])
    if player.failed:
        print(f"the tests fail without a mutant: {player.failed}", flush=True)
    return not player.failed


@contextlib.contextmanager
def _server() -> Iterator[None]:
    """For the tests of all mutants, which are played one at a time and leave databases behind."""
    with Postgres.started() as server, server.database() as url:
        migrate(Address(url))
        server.template = url.rpartition("/")[2]
        Postgres.shared = server
        try:
            yield
        finally:
            Postgres.shared = None
            server.tidy()


def main() -> int:
    """Exit code 1 where the tests fail without any change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="below src/firesteel; all where none is named")
    parser.add_argument("--sample", type=int, help="about so many mutants of each module")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no mutant after these")
    parser.add_argument("--survivors", action="store_true", help="play them again")
    parser.add_argument("--late", action="store_true", help="play again what took too long")
    parser.add_argument("--patience", type=float, default=1.0, help="wait so many times as long")
    parser.add_argument("--at-once", type=int, default=2, help="so many at a time; 2 by default")
    given = parser.parse_args()
    until = time.monotonic() + given.seconds
    again = {"survived": given.survivors, "late": given.late}
    kinds = frozenset(kind for kind, asked in again.items() if asked)
    chosen = Chosen(given.sample, until, kinds, given.at_once)
    os.chdir(ROOT)
    modules = [Module(path, chosen) for path in given.modules or MODULES]
    for tests in (STORE, POSTGRESQL, ENGINE, GATEWAY, CALLS):
        group = [one for one in modules if MODULES[one.path] is tests and not one.done]
        in_time = time.monotonic() < chosen.until
        if group and in_time and not _play(group, tests, given.patience):
            return 1
    for module in modules:
        print(f"{module.path}: {module.summary()}")
    killed = sum(module.found.killed for module in modules)
    played = sum(len(module.found.results) for module in modules)
    print(f"{killed} of {played} mutants killed: {100 * killed / max(played, 1):.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
