"""``firesteel workers``: the worker processes of a node; start them anew with changed code."""

from __future__ import annotations

from firesteel.cli.command import Session  # read by Typer


def list_workers(session: Session) -> None:
    """List the worker processes that are connected."""
    found = session.client.get("/workers")
    session.output.result(found)
    session.output.columns(
        ("pid", "running", "ready"),
        [(item["pid"], item["running"], "yes" if item["ready"] else "no") for item in found],
    )


def restart(session: Session) -> None:
    """Start new workers, with the Python code as it is now; running attempts end first.

    [bold]Examples[/bold]

      firesteel workers restart
    """
    session.client.post("/workers/restart")
    session.output.result({"restarted": True}, "the workers start anew")


COMMANDS = {"list": list_workers, "restart": restart}
