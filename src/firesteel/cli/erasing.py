"""``firesteel messages erase``: what a consumer sent goes for good; that it was sent stays."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from firesteel.cli.bulk import Act, run_bulk
from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.message_text import search_condition

_CONDITIONS: Final = (
    "say whose or which messages: an id, --consumer, --search, --integration, --since or --until"
)


def erase(
    session: Session,
    id: Annotated[str | None, typer.Argument(help="Id of one message.")] = None,
    consumer: Annotated[
        str | None, typer.Option("--consumer", help="All messages of this consumer.")
    ] = None,
    integration: Annotated[str | None, typer.Option("--integration", "-i")] = None,
    search: Annotated[
        str | None, typer.Option("--search", help="By a search name: customer_no=1000.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Received from then on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Received before.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    why: Annotated[str, typer.Option("--why", help="For the record.")] = "",
) -> None:
    """Erase for good what messages held and was made of it, with consumer, lane, search values and
    idempotency keys. Their ids, sequence, times, states and the counts stay.

    What has not ended is passed over and counted; the exit code is then 1. It goes on when this
    command is stopped. Back-ups made before still hold everything.

    [bold]Examples[/bold]

      firesteel messages erase --consumer "web shop" --why "request of 3 May"

      firesteel messages erase --search customer_no=1000 --yes

      firesteel messages erase 01978f0c-0000-7000-8000-000000000000 --yes
    """
    name, value = search_condition(search)
    selection = {
        "consumer": consumer,
        "integration": integration,
        "search_name": name,
        "search_value": value,
        "received_from": since,
        "received_until": until,
    }
    given = {key: text for key, text in selection.items() if text is not None}
    if bool(given) == (id is not None):
        raise CommandFailed(_CONDITIONS, exit_code=Exit.USAGE, code="usage")
    act = Act("Erase {} for good?", yes, why)
    if id is not None:
        act.ask("1 message")
        done = session.client.post(session.path("messages", id, "erase"), {"why": why})
        session.output.result(done, f"{id}: erased")
        _note_archive(session)
        return
    bulk = run_bulk(session, "erase", given, act)
    session.output.result(bulk, _told(bulk))
    _note_archive(session)
    if bulk["passed_over"] or bulk["state"] != "done":
        raise typer.Exit(Exit.FAILED)


def _note_archive(session: Session) -> None:
    """What was archived is no part of the store."""
    archive = session.client.get("/storage")["archive"]
    if archive["files"]:
        session.output.note(
            f"the archive in {archive['directory']} may hold them still: firesteel archive erase"
        )


def _told(bulk: dict[str, Any]) -> str:
    text = f"{bulk['done']:,} executions erased"
    if bulk["passed_over"]:
        text += (
            f"; {bulk['passed_over']:,} passed over, since they had not ended or a lane stands at "
            "them: cancel, retry or skip them, and erase again"
        )
    return (
        text if bulk["state"] == "done" else f"{text}; stopped by {bulk['started_by']} or another"
    )


def confirm_erasing(what: str, yes: bool) -> None:
    """Raises CommandFailed where nobody says yes."""
    Act("Erase {} for good?", yes, "").ask(what)
