"""``firesteel key``: the API keys of a trigger."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer

NAME = Annotated[str, typer.Argument(help="Name of the integration.")]
LABEL = Annotated[str, typer.Argument(help="Label of the API key: the consumer's name.")]
EXPIRES = Annotated[
    str | None, typer.Option("--expires", help="Last day on which it is taken: YYYY-MM-DD.")
]


def add(
    session: Session,
    name: NAME,
    label: LABEL,
    value: Annotated[
        str | None,
        typer.Option("--value", help="Your own secret; - reads it from standard input."),
    ] = None,
    same_as: Annotated[
        str | None,
        typer.Option(
            "--same-as",
            help="Use the secret of another trigger's key: INTEGRATION/LABEL; it is not printed.",
        ),
    ] = None,
    expires: EXPIRES = None,
) -> None:
    """Add an API key; without --value or --same-as one is generated and printed.

    [bold]Examples[/bold]

      firesteel key add ItemPrice "web shop"

      firesteel key add ItemPrice "web shop" --value - --expires 2027-06-30 < secret.txt

      firesteel key add StockAtHand "web shop" --same-as "ItemPrice/web shop"
    """
    if value == "-":
        value = typer.get_text_stream("stdin").read().rstrip("\r\n")
    body: dict[str, Any] = {"label": label, "value": value, "expires": expires}
    if same_as is not None:
        integration, _, other = same_as.partition("/")
        body["same_as"] = {"integration": integration, "label": other}
    added = session.client.post(session.path("integrations", name, "keys"), body)
    if added["warning"]:
        session.output.warn(added["warning"])
    session.output.result(added, added["secret"] or f"added {label}")


def list_keys(session: Session, name: NAME) -> None:
    """List the API keys of a trigger, without their secrets."""
    found = session.client.get(session.path("integrations", name, "keys"))
    session.output.result(found)
    session.output.columns(
        ("label", "begins with", "created", "expires", "last used"),
        [
            (
                item["label"],
                item["prefix"] + "...",
                item["created_at"][:10],
                item["expires"],
                (item["last_used_at"] or "never")[:19],
            )
            for item in found
        ],
    )


def relabel(
    session: Session,
    name: NAME,
    label: LABEL,
    new_label: Annotated[str, typer.Argument(help="The new label.")],
) -> None:
    """Give an API key another label; its secret stays."""
    path = session.path("integrations", name, "keys", label)
    changed = session.client.patch(path, {"label": new_label})
    session.output.result(changed, f"{label} is now {changed['label']}")


def delete(session: Session, name: NAME, label: LABEL) -> None:
    """Delete an API key; calls with it get 401 at once."""
    session.client.delete(session.path("integrations", name, "keys", label))
    session.output.result({"deleted": label}, f"deleted {label}")


def reveal(session: Session, name: NAME, label: LABEL) -> None:
    """Print the secret of an API key. The audit log says who asked."""
    path = session.path("integrations", name, "keys", label, "reveal")
    found = session.client.post(path)
    session.output.result(found, found["secret"])


COMMANDS = {
    "add": add,
    "list": list_keys,
    "relabel": relabel,
    "delete": delete,
    "reveal": reveal,
}
