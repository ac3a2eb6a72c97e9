"""``firesteel retention``: how long a workspace keeps messages and payloads."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit

_AS_THE_NODE: Final = "default"


def retention(
    session: Session,
    history: Annotated[
        str | None, typer.Option("--history", help="Such as 90d; default: as the node says.")
    ] = None,
    payloads: Annotated[
        str | None, typer.Option("--payloads", help="Such as 7d; default: as long as the message.")
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option("--archive", help="on or off; default: as the node says."),
    ] = None,
) -> None:
    """Show, or change, how long the workspace keeps messages, and the payloads in them, where an
    integration says nothing else.

    [bold]Examples[/bold]

      firesteel retention

      firesteel retention --history 90d --payloads 7d

      firesteel retention --payloads default
    """
    kept = session.client.get(session.path("retention"))
    given = {"history": history, "payloads": payloads}
    changes: dict[str, str | bool | None] = {
        name: None if text == _AS_THE_NODE else text
        for name, text in given.items()
        if text is not None
    }
    if archive is not None:
        changes["archive"] = _switch(archive)
    if changes:
        kept = session.client.put(session.path("retention"), {**kept, **changes})
    session.output.result(kept)
    session.output.say(f"messages  {kept['history'] or 'as the node says'}")
    session.output.say(f"payloads  {kept['payloads'] or 'as long as the messages'}")
    written = {True: "on", False: "off", None: "as the node says"}
    session.output.say(f"archive   {written[kept['archive']]}")


def _switch(text: str) -> bool | None:
    known = {"on": True, "off": False, _AS_THE_NODE: None}
    if text not in known:
        detail = "--archive takes on, off or default"
        raise CommandFailed(detail, exit_code=Exit.USAGE, code="usage")
    return known[text]
