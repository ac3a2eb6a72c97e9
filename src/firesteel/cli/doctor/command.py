"""``firesteel doctor`` itself: the list of checks, and how what they find is shown."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from firesteel.cli.doctor import files, folder, machine, network, stores
from firesteel.cli.doctor.finding import Case, Finding, fault, ok
from firesteel.cli.exit_codes import Exit
from firesteel.cli.installed import DATA_DIR, PROJECT, settings_of
from firesteel.cli.output import Output, painted
from firesteel.release import release

if TYPE_CHECKING:
    from firesteel.settings import Settings

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    files.project,
    folder.data_directory,
    folder.local_token,
    folder.file_system,
    folder.disk,
    folder.flush,
    stores.store,
    # From here on the store is known.
    folder.encryption_key,
    files.connections,
    machine.clock,
    machine.files,
    machine.memory,
    machine.workers,
    network.certificate,
    network.addresses,
    network.ports,
    network.node,
)
_COLOURS = {"ok": "succeeded", "warning": "warning", "fault": "error"}


def doctor(
    output: Output,
    project: PROJECT = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Look at a whole installation, and say what to do. Needs no node.

    Settings are read as `serve` reads them, so run it as the node's user and with its environment.
    Nothing is changed and no secret is shown; beside a node that runs nothing is written either.
    Exits with 1 if there is a fault; warnings do not count.

    [bold]Examples[/bold]

      firesteel doctor

      firesteel doctor --project my-integrations --data-dir /var/lib/firesteel --json
    """
    found = []
    for finding in examined(project, data_dir):
        found.append(finding)
        output.say(_line(finding))
        if finding.remedy:
            output.say(f"{'':<27}{painted(finding.remedy, 'bold')}")
    output.result([_described(finding) for finding in found])
    faults = sum(finding.level == "fault" for finding in found)
    warnings = sum(finding.level == "warning" for finding in found)
    output.say(f"\n{_counted(faults, 'fault')}, {_counted(warnings, 'warning')}")
    if faults:
        raise typer.Exit(Exit.FAILED)


def examined(project: Path | None, data_dir: Path | None) -> Iterator[Finding]:
    """What every check finds, in order; with faulty settings only those."""
    from firesteel.settings import SettingsError

    yield ok("release", f"{release()} on Python {platform.python_version()}")
    try:
        settings = settings_of(project, data_dir)
    except SettingsError as error:
        for one in error.faults:
            yield fault("settings", str(one), "docs/reference/settings.md")
        return
    yield ok("settings", "are valid")
    case = _case(settings)
    for check in CHECKS:
        try:
            yield from check(case)
        except OSError as error:
            says = f"{error.filename or 'something'} cannot be looked at: {error.strerror}"
            yield fault(check.__name__, says, "run as the node's user")


def _case(settings: Settings) -> Case:
    from firesteel.store.sqlite.glancing import is_held

    locks = [settings.data_dir / "node.id"]
    if settings.store_path is not None:
        locks.append(settings.store_path.with_name(f"{settings.store_path.name}.lock"))
    try:
        described = json.loads((settings.data_dir / "node.json").read_text("utf-8"))
    except (OSError, ValueError):
        described = None
    known: dict[str, Any] | None = described if isinstance(described, dict) else None
    return Case(settings, any(is_held(lock) for lock in locks), known)


def _line(finding: Finding) -> str:
    level = painted(f"{finding.level:<9}", _COLOURS[finding.level])
    # Texts of files and servers must not reach a terminal as they are.
    says = "".join(char if char.isprintable() else "?" for char in finding.says)
    return f"{level}{finding.check:<18}{says}"


def _described(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "level": finding.level,
        "says": finding.says,
        "remedy": finding.remedy,
    }


def _counted(number: int, name: str) -> str:
    return f"{number or 'no'} {name}{'' if number == 1 else 's'}"
