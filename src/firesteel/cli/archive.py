"""``firesteel archive``: what retention let go and was archived, read without a node."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.installed import settings_of
from firesteel.cli.message_text import search_condition
from firesteel.cli.output import Output

if TYPE_CHECKING:
    from firesteel.store.archive.reading import Wanted

DIRECTORY = Annotated[
    Path | None,
    typer.Option("--archive-dir", help="The archive's folder; left out: as the settings."),
]
WORKSPACE = Annotated[str | None, typer.Option("--workspace", "-w")]
INTEGRATION = Annotated[str | None, typer.Option("--integration", "-i")]
CONSUMER = Annotated[str | None, typer.Option("--consumer", "-c", help="Who sent it.")]
STATE = Annotated[str | None, typer.Option("--state", "-s", help="Of the last execution.")]
SINCE = Annotated[
    datetime | None, typer.Option("--since", help="Received from then on, in UTC.", metavar="TIME")
]
UNTIL = Annotated[
    datetime | None, typer.Option("--until", help="Received before, in UTC.", metavar="TIME")
]
SEARCH = Annotated[
    str | None, typer.Option("--search", help="A search name and its value: order_no=W-1.")
]
TEXT = Annotated[str | None, typer.Option("--text", help="Stands anywhere in what was kept.")]


def list_archive(output: Output, archive_dir: DIRECTORY = None) -> None:
    """List what is archived, by integration: days, messages, size.

    [bold]Examples[/bold]

      firesteel archive list --archive-dir /var/lib/firesteel/archive
    """
    from firesteel.store.archive.folder import kept

    with _reading(archive_dir) as folder:
        found = kept(folder)
    output.result(
        [
            {
                "workspace": item.workspace,
                "integration": item.integration,
                "first_day": item.first_day.isoformat(),
                "last_day": item.last_day.isoformat(),
                "files": item.files,
                "messages": item.messages,
                "size_bytes": item.size_bytes,
            }
            for item in found
        ]
    )
    output.columns(
        ("workspace", "integration", "first day", "last day", "files", "messages", "KiB"),
        [
            (
                item.workspace,
                item.integration,
                item.first_day,
                item.last_day,
                item.files,
                item.messages,
                -(-item.size_bytes // 1024),
            )
            for item in found
        ],
    )


def search(
    output: Output,
    workspace: WORKSPACE = None,
    integration: INTEGRATION = None,
    consumer: CONSUMER = None,
    state: STATE = None,
    since: SINCE = None,
    until: UNTIL = None,
    search: SEARCH = None,
    text: TEXT = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 50,
    archive_dir: DIRECTORY = None,
) -> None:
    """Find archived messages, the latest day first. With a time, only files of its days are read.

    [bold]Examples[/bold]

      firesteel archive search --integration ReceiveWorkOrder --search order_no=W-1

      firesteel archive search --consumer ACME --since 2027-06-01 --until 2027-07-01
    """
    wanted = _wanted((workspace, integration, consumer, state), (since, until), search, text)
    found = list(islice(_found(archive_dir, wanted), limit))
    output.result([_summary(record) for record in found])
    output.columns(
        ("id", "integration", "sequence", "state", "consumer", "received", "payload"),
        [
            (
                record["id"],
                record["integration"],
                record["sequence"],
                record["executions"][-1]["state"],
                record["consumer"],
                record["received_at"][:19].replace("T", " "),
                record["payload"],
            )
            for record in found
        ],
    )


def show(
    output: Output,
    id: Annotated[str, typer.Argument(help="Id of the message.")],
    full: Annotated[bool, typer.Option("--full", help="Cut nothing.")] = False,
    archive_dir: DIRECTORY = None,
) -> None:
    """Show an archived message with all that was kept of it: request, steps, attempts, response.

    [bold]Examples[/bold]

      firesteel archive show 01a22c3fb548737eb532b33c21926cca
    """
    from firesteel.cli.message_text import message_lines

    record = record_of_id(archive_dir, id)
    output.result(record)
    for line in message_lines(record, full=full):
        output.say(line)
    output.say(
        f"\narchived {record['archived_at'][:19].replace('T', ' ')}; payload {record['payload']}"
    )


def export(
    output: Output,
    file: Annotated[Path, typer.Argument(help="Where to write; - is the output.")],
    workspace: WORKSPACE = None,
    integration: INTEGRATION = None,
    consumer: CONSUMER = None,
    state: STATE = None,
    since: SINCE = None,
    until: UNTIL = None,
    search: SEARCH = None,
    text: TEXT = None,
    archive_dir: DIRECTORY = None,
) -> None:
    """Write archived messages as JSON Lines, each once.

    [bold]Examples[/bold]

      firesteel archive export june.jsonl --since 2027-06-01 --until 2027-07-01

      firesteel archive export - --integration ItemPrice | jq .executions[-1].state
    """
    from firesteel.store.archive.record import encoded

    wanted = _wanted((workspace, integration, consumer, state), (since, until), search, text)
    lines = (encoded(record) + b"\n" for record in _found(archive_dir, wanted))
    if str(file) == "-":
        for line in lines:
            sys.stdout.buffer.write(line)
        return
    written = 0
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            for line in lines:
                target.write(line)
                written += 1
    except FileExistsError as error:
        detail = f"{file} exists"
        raise CommandFailed(detail, exit_code=Exit.REFUSED, code="target_exists") from error
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    output.result({"messages": written}, f"{written:,} messages in {file}")


def erase(
    output: Output,
    consumer: CONSUMER = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Id of one.")] = None,
    search: SEARCH = None,
    workspace: WORKSPACE = None,
    integration: INTEGRATION = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    archive_dir: DIRECTORY = None,
) -> None:
    """Erase what archived messages held, for good: the files are written anew. That they were,
    when, and how they ended stays. A node may go on meanwhile.

    [bold]Examples[/bold]

      firesteel archive erase --consumer ACME --workspace demo
    """
    from firesteel.cli.copying_shown import shown_copying
    from firesteel.cli.erasing import confirm_erasing
    from firesteel.store.archive.erasing import count
    from firesteel.store.archive.erasing import erase as erase_in

    if consumer is None and message is None and search is None:
        detail = "say whose messages: --consumer, --message or --search"
        raise CommandFailed(detail, exit_code=Exit.USAGE, code="usage")
    wanted = _wanted((workspace, integration, consumer, None), (None, None), search, None, message)
    with _reading(archive_dir) as folder:
        number = count(folder, wanted)
        if number:
            confirm_erasing(f"{number:,} messages", yes)
        with shown_copying(output) as told:
            done = erase_in(folder, wanted, lambda now, of: told(f"file {now} of {of}", 0, 0))
    text = f"erased {done.messages:,} messages in {done.files:,} files"
    output.result({"messages": done.messages, "files": done.files}, text)


def _found(archive_dir: Path | None, wanted: Wanted) -> Iterator[dict[str, Any]]:
    from firesteel.store.archive.reading import find

    with _reading(archive_dir) as folder:
        yield from find(folder, wanted)


def record_of_id(archive_dir: Path | None, message_id: str) -> dict[str, Any]:
    """Raises CommandFailed ``unknown_message``."""
    from firesteel.store.archive.reading import Wanted

    record = next(_found(archive_dir, Wanted(message_id=message_id)), None)
    if record is None:
        detail = "the archive has no such message"
        raise CommandFailed(detail, exit_code=Exit.NOT_FOUND, code="unknown_message")
    return record


@contextmanager
def _reading(archive_dir: Path | None) -> Iterator[Path]:
    """The archive's folder; what is wrong with it ends the command."""
    from firesteel.store.archive.frames import Damaged

    folder = archive_dir or settings_of(None).archive_folder
    if not folder.is_dir():
        detail = f"there is no archive in {folder}"
        raise CommandFailed(detail, exit_code=Exit.NOT_FOUND, code="archive_not_found")
    try:
        yield folder
    except Damaged as error:
        raise CommandFailed(str(error), code="archive_damaged") from error
    except OSError as error:
        raise CommandFailed(f"{folder}: {error.strerror}", code="archive_failed") from error


def _wanted(
    names: tuple[str | None, str | None, str | None, str | None],
    times: tuple[datetime | None, datetime | None],
    search: str | None,
    text: str | None,
    message_id: str | None = None,
) -> Wanted:
    """``names``: workspace, integration, consumer and state."""
    from firesteel.store.archive.reading import Wanted

    name, value = search_condition(search)
    workspace, integration, consumer, state = names
    return Wanted(
        workspace=workspace,
        integration=integration,
        consumer=consumer,
        state=state,
        message_id=message_id,
        search=None if name is None else (name, value or ""),
        text=text,
        from_us=_us(times[0]),
        until_us=_us(times[1]),
    )


def _us(at: datetime | None) -> int | None:
    return None if at is None else int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1e6)


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "workspace", "integration", "sequence", "received_at", "consumer", "payload")
    last = record["executions"][-1]
    return {name: record[name] for name in names} | {
        "state": last["state"],
        "runs": len(record["executions"]),
    }


COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_archive,
    "search": search,
    "show": show,
    "export": export,
    "erase": erase,
}
