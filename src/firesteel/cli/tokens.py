"""``firesteel token``: API tokens of machines."""

from __future__ import annotations

from typing import Annotated

import typer

from firesteel.cli.command import Session  # read by Typer

NAME = Annotated[str, typer.Argument(help="Name of the token: what uses it.")]


def add(
    session: Session,
    name: NAME,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="What may be done with it: view, payloads, reveal, operate, edit, administer; "
            "may be given several times. Left out: view.",
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="Last day on which it is taken: YYYY-MM-DD.")
    ] = None,
) -> None:
    """Add an API token and print its secret, which is shown this once.

    [bold]Examples[/bold]

      firesteel token add deployment --scope view --scope edit --expires 2027-06-30
    """
    body = {"name": name, "scopes": scope or ["view"], "expires": expires}
    added = session.client.post("/tokens", body)
    session.output.result(added, added["secret"])


def list_tokens(session: Session) -> None:
    """List the API tokens, without their secrets."""
    found = session.client.get("/tokens")
    session.output.result(found)
    session.output.columns(
        ("name", "begins with", "may", "created by", "expires", "last used"),
        [
            (
                item["name"],
                item["prefix"] + "...",
                ", ".join(item["scopes"]),
                item["created_by"],
                item["expires"],
                (item["last_used_at"] or "never")[:19],
            )
            for item in found
        ],
    )


def delete(session: Session, name: NAME) -> None:
    """Delete an API token; requests with it are refused at once."""
    from firesteel.cli.node_client import path_of

    session.client.delete(path_of("tokens", name))
    session.output.result({"deleted": name}, f"deleted {name}")


COMMANDS = {"add": add, "list": list_tokens, "delete": delete}
