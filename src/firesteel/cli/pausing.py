"""``firesteel pause`` and ``firesteel resume``: whether anything is run at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer

if TYPE_CHECKING:
    from firesteel.cli.output import Output

WHY = Annotated[str, typer.Option("--why", help="For the record.")]


def pause(session: Session, why: WHY = "") -> None:
    """Run nothing more, of no integration and on no node; calls are accepted and wait.

    [bold]Examples[/bold]

      firesteel pause --why "the ERP is being restored"
    """
    found = session.client.post("/pause", {"why": why})
    session.output.result(found, "paused: calls are accepted, nothing is run")


def resume(session: Session, why: WHY = "") -> None:
    """Let everything run again, after `firesteel pause`, `serve --paused` or a restore.

    [bold]Examples[/bold]

      firesteel status

      firesteel resume --why "looked through what waits"
    """
    found = session.client.post("/resume", {"why": why})
    session.output.result(found, "everything goes on")


def say_paused(output: Output, found: dict[str, Any]) -> None:
    """Why nothing is run, and what would."""
    origin = f"restored from {found['restored_from']}" if found["restored_from"] else found["why"]
    output.warn(
        f"paused since {found['since'][:19].replace('T', ' ')} by {found['by']}"
        + (f" ({origin})" if origin else "")
        + ": calls are accepted, nothing is run; `firesteel resume` lets it go on"
    )
    output.say(
        f"{_waiting(found['waiting'])}; {found['interrupted_count']:,} of them were running when "
        "the store was left"
    )
    if found["integrations"]:
        output.columns(
            ("workspace", "integration", "waiting", "running", "were running", "oldest"),
            [
                (
                    item["workspace"],
                    item["integration"],
                    item["waiting"],
                    item["running"],
                    item["interrupted"],
                    item["oldest_received_at"][:19].replace("T", " "),
                )
                for item in found["integrations"]
            ],
        )
    if found["lanes"]:
        output.say("")
        output.columns(
            ("workspace", "integration", "lane", "waiting", "oldest"),
            [
                (
                    item["workspace"],
                    item["integration"],
                    item["key"] or '""',
                    item["waiting"],
                    (item["oldest_received_at"] or "")[:19].replace("T", " "),
                )
                for item in found["lanes"]
            ],
        )
    output.say("")


def _waiting(number: int) -> str:
    return "1 execution waits" if number == 1 else f"{number:,} executions wait"
