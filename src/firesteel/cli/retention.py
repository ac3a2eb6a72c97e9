"""``firesteel retention``: how long a workspace keeps messages and payloads."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from firesteel.cli.command import Session  # read by Typer

_AS_THE_NODE: Final = "default"


def retention(
    session: Session,
    history: Annotated[
        str | None, typer.Option("--history", help="Such as 90d; default: as the node says.")
    ] = None,
    payloads: Annotated[
        str | None, typer.Option("--payloads", help="Such as 7d; default: as long as the message.")
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
    changes = {
        name: None if text == _AS_THE_NODE else text
        for name, text in given.items()
        if text is not None
    }
    if changes:
        kept = session.client.put(session.path("retention"), {**kept, **changes})
    session.output.result(kept)
    session.output.say(f"messages  {kept['history'] or 'as the node says'}")
    session.output.say(f"payloads  {kept['payloads'] or 'as long as the messages'}")
