"""``firesteel migrate-store``: from the SQLite file to PostgreSQL."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.moving_shown import shown_progress
from firesteel.cli.output import Output
from firesteel.setting_values import sqlite_path

if TYPE_CHECKING:
    from firesteel.store.moving.comparison import Figures, TriggerFigures
    from firesteel.store.moving.move import Moved

_POSTGRESQL = ("postgresql://", "postgresql+psycopg://", "postgres://")
_DATABASE = "FIRESTEEL_DATABASE_URL"
_KEY = "FIRESTEEL_ENCRYPTION_KEY"
STATES = ("waiting", "succeeded", "failed", "cancelled", "skipped")
_GOES_ON = "run the same command again: it goes on where it stopped"

_HINTS = {
    "move_differs": "nodes are refused on the target; begin again with an empty database",
    "store_unavailable": _GOES_ON,
}

FROM = Annotated[
    str,
    typer.Option(
        "--from", metavar="URL", help="sqlite:///path/to/firesteel.db, of a node that is stopped."
    ),
]
TO = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="URL",
        help="postgresql://user:password@host/database, which holds nothing yet; left out: "
        "FIRESTEEL_DATABASE_URL.",
    ),
]


def migrate_store(output: Output, source: FROM, target: TO = None) -> None:
    """Move the store of a stopped node from its SQLite file to PostgreSQL.

    All of it goes over: messages with their sequences, what waits and where, keys, users, figures,
    the audit log. The file is only read. Ended at any moment, the same command goes on where it
    stopped. At the end both sides are compared; a difference is an error.

    [bold]Examples[/bold]

      firesteel migrate-store --from sqlite:///.firesteel/firesteel.db --to postgresql://db/firesteel
    """
    from firesteel.errors import FiresteelError

    file, url = _file_of(source), _database_of(target)
    try:
        moved = _moved(file, url, output)
    except FiresteelError as error:
        hint = _HINTS.get(error.code, "")
        raise CommandFailed(f"{error.detail} [{error.code}]", code=error.code, hint=hint) from error
    except KeyboardInterrupt:
        raise CommandFailed("stopped", code="stopped", hint=_GOES_ON) from None
    output.result(_described(moved))
    _show(output, moved.figures, moved.figures)
    _say_what_next(output, file, moved)


def _moved(file: Path, url: str, output: Output) -> Moved:
    """The move itself, watched; where the sides differ, both are shown."""
    from firesteel.store.moving.move import SidesDiffer, move
    from firesteel.store.sql.clock import Clocks, boot_id

    clocks = Clocks(lambda: time.time_ns() // 1000, time.monotonic, boot_id())
    try:
        with shown_progress(output) as watching:
            return move(
                file,
                url,
                clocks=clocks,
                watching=watching,
                check_key=lambda stored: _check_key(file, stored, output),
            )
    except SidesDiffer as error:
        _show(output, error.source, error.target)
        raise


def _file_of(url: str) -> Path:
    try:
        file = sqlite_path(url)
    except ValueError:
        file = None
    if file is None:
        raise CommandFailed(
            "--from is not sqlite:///path/to/firesteel.db", exit_code=Exit.USAGE, code="usage"
        )
    return file


def _database_of(url: str | None) -> str:
    url = url or os.environ.get(_DATABASE) or ""
    if not url.startswith(_POSTGRESQL):
        raise CommandFailed(
            f"--to (or {_DATABASE}) is not postgresql://user:password@host/database",
            exit_code=Exit.USAGE,
            code="usage",
        )
    return url


def _check_key(file: Path, stored: str | None, output: Output) -> None:
    """Hold the key that the file's node has against the store's check value: nodes need it with
    the target too. Raises OperatorError ``wrong_encryption_key`` and what reading it raises."""
    from firesteel.engine.key_chest import check
    from firesteel.engine.key_file import KEY_FILE, load_or_create
    from firesteel.setting_values import encryption_key

    if stored is None:
        return
    if os.environ.get(_KEY):
        try:
            key = encryption_key(os.environ[_KEY])
        except ValueError as error:
            raise CommandFailed(f"{_KEY} {error}", exit_code=Exit.USAGE, code="usage") from error
    elif (file.parent / KEY_FILE).exists():
        key = load_or_create(file.parent)
    else:
        if not output.as_json:
            output.warn(
                f"there is no {KEY_FILE} beside the file and no {_KEY}: whether you have the "
                "store's key could not be checked"
            )
        return
    check(key, stored)


def _described(moved: Moved) -> dict[str, Any]:
    """For machines."""
    return {"rows": moved.rows, "interrupted": moved.interrupted, **asdict(moved.figures)}


def _show(output: Output, source: Figures, target: Figures) -> None:
    """Both sides: what is the same once, what is not twice."""
    there = {table.name: table for table in target.tables}
    output.columns(
        ("table", "from the file", "in PostgreSQL", "checksum"),
        [
            (ours.name, ours.rows, theirs.rows, _both(ours.checksum, theirs.checksum))
            for ours in source.tables
            for theirs in (there[ours.name],)
        ],
    )
    output.say("")
    output.columns(
        ("integration", "last sequence", "messages", *STATES, "highest no", "checksum"),
        [
            row
            for ours, theirs in zip(source.triggers, target.triggers, strict=False)
            for row in dict.fromkeys((_row(ours), _row(theirs)))
        ],
    )


def _row(trigger: TriggerFigures) -> tuple[object, ...]:
    return (
        trigger.name,
        trigger.last_sequence,
        trigger.messages,
        *(trigger.states.get(state, 0) for state in STATES),
        trigger.highest_no,
        trigger.checksum,
    )


def _both(ours: str, theirs: str) -> str:
    return ours if ours == theirs else f"{ours} {theirs}"


def _say_what_next(output: Output, file: Path, moved: Moved) -> None:
    output.say(f"\nmoved {moved.rows:,} rows; both sides are the same")
    if moved.interrupted:
        output.say(
            f"{moved.interrupted} executions were running when the last engine ended; they wait "
            "again, in their places"
        )
    key_file = file.absolute().parent / "encryption.key"
    output.say(
        "\nStart each node with\n"
        f"  {_DATABASE}=...      as --to has it\n"
        f"  {_KEY}=...    the key of this store, without which no secret can be read"
    )
    if key_file.exists():
        output.say(f'    export {_KEY}="$(cat {shlex.quote(str(key_file))})"')
    output.say(
        f"\n{file} is as it was. Start no node on it any more: what waits in it would run a second "
        "time."
    )
