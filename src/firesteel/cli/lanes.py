"""``firesteel lanes``: what waits in lanes and why; pause and resume."""

from __future__ import annotations

from typing import Annotated

import typer

from firesteel.cli.command import Session  # read by Typer

NAME = Annotated[str, typer.Argument(help="Name of the integration.")]
KEY = Annotated[
    str | None,
    typer.Argument(help="The lane's ordering key, \"\" for a trigger's one lane; left out: all."),
]
WHY = Annotated[str, typer.Option("--why", help="For the record.")]


def list_lanes(
    session: Session,
    integration: Annotated[str | None, typer.Option("--integration", "-i")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 100,
) -> None:
    """List lanes with waiting or running messages and paused ones, longest first."""
    found = session.client.get(session.path("lanes"), integration=integration, limit=limit)
    session.output.result(found)
    session.output.columns(
        ("integration", "lane", "waiting", "running", "paused", "head", "reason", "oldest"),
        [
            (
                item["integration"],
                "(all)" if item["key"] is None else item["key"] or '""',
                item["waiting"],
                item["running"],
                (item["paused_because"] or "yes") if item["paused"] else "",
                item["head_message_id"],
                item["head_reason"],
                (item["oldest_received_at"] or "")[:19].replace("T", " "),
            )
            for item in found
        ],
    )


def pause(session: Session, name: NAME, key: KEY = None, why: WHY = "") -> None:
    """Start nothing more of a lane, or of a whole trigger. Calls are still accepted.

    [bold]Examples[/bold]

      firesteel lanes pause ReceiveWorkOrder

      firesteel lanes pause ReceiveWorkOrder 1000 --why "the ERP is being moved"
    """
    _act(session, "pause", name, (key, why))


def resume(session: Session, name: NAME, key: KEY = None, why: WHY = "") -> None:
    """Go on; a lane paused at a failed message goes on behind it."""
    _act(session, "resume", name, (key, why))


def _act(session: Session, act: str, name: str, lane: tuple[str | None, str]) -> None:
    key, why = lane
    body = {"integration": name, "key": key, "why": why}
    session.client.post(session.path("lanes", act), body)
    shown = key or '""'
    what = name if key is None else f"lane {shown} of {name}"
    session.output.result({act: body}, f"{what}: {act}d")


COMMANDS = {"list": list_lanes, "pause": pause, "resume": resume}
