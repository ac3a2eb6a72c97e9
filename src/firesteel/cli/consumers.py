"""``firesteel consumer``: parties that call with keys of their own, and what they may call."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.keys import EXPIRES, VALUE, key_columns, key_of, key_row, read_value

CONSUMER = Annotated[str, typer.Argument(help="Name of the consumer.")]
INTEGRATIONS = Annotated[list[str], typer.Argument(help="Names of integrations.")]


def add(
    session: Session,
    consumer: CONSUMER,
    grant: Annotated[
        list[str] | None,
        typer.Option("--grant", "-g", help="An integration that it may call; may be repeated."),
    ] = None,
    value: VALUE = None,
    same_as: Annotated[
        str | None,
        typer.Option(
            "--same-as",
            help="Use the secret of a trigger's key: INTEGRATION/LABEL; it is not printed.",
        ),
    ] = None,
    expires: EXPIRES = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="Add it without a key.")] = False,
) -> None:
    """Add a consumer with a key of its own, which is generated and printed, and grant it triggers.

    [bold]Examples[/bold]

      firesteel consumer add ACME --grant ItemPrice --grant StockAtHand

      firesteel consumer add ACME --value - --expires 2027-06-30 < secret.txt

      firesteel consumer add "web shop" --same-as "ItemPrice/web shop"
    """
    path = session.path("consumers")
    made = session.client.post(path, {"name": consumer})
    added: dict[str, Any] | None = None
    if not no_key:
        body = {"value": read_value(value), "expires": expires, "same_as": key_of(same_as)}
        added = session.client.post(session.path("consumers", consumer, "keys"), body)
        if added["warning"]:
            session.output.warn(added["warning"])
    for name in grant or []:
        session.client.put(session.path("consumers", consumer, "grants", name), None)
    shown = session.client.get(session.path("consumers", consumer))
    result = {**made, **shown, "key": added}
    session.output.result(result, (added and added["secret"]) or f"added {consumer}")


def list_consumers(session: Session) -> None:
    """List who calls: consumers with their keys and triggers, and the labels of triggers' keys and
    other ways to authenticate."""
    found = session.client.get(session.path("consumers"))
    session.output.result(found)
    session.output.columns(
        ("consumer", "own keys", "granted", "keys of triggers", "other ways", "last used"),
        [
            (
                item["label"],
                len(item["keys"]) if item["registered"] else "",
                ", ".join(grant["integration"] for grant in item["grants"]),
                ", ".join(trigger["integration"] for trigger in item["triggers"]),
                ", ".join(_way(way) for way in item["ways"]),
                (item["last_used_at"] or "never")[:19],
            )
            for item in found
        ],
    )


def show(session: Session, consumer: CONSUMER) -> None:
    """Show a consumer: its keys, without their secrets, and the triggers that they open."""
    found = session.client.get(session.path("consumers", consumer))
    session.output.result(found)
    granted = ", ".join(grant["integration"] for grant in found["grants"])
    session.output.say(f"{found['label']} may call: {granted or 'nothing yet'}")
    for way in found["ways"]:
        session.output.say(f"and by {_way(way)}")
    session.output.columns(key_columns(), [row for key in found["keys"] for row in key_row(key)])


def rename(
    session: Session,
    consumer: CONSUMER,
    new_name: Annotated[str, typer.Argument(help="The new name.")],
) -> None:
    """Give a consumer another name. Messages keep the name that they came with."""
    changed = session.client.patch(session.path("consumers", consumer), {"name": new_name})
    session.output.result(changed, f"{consumer} is now {changed['label']}")


def delete(session: Session, consumer: CONSUMER) -> None:
    """Delete a consumer with its keys and grants; calls with its keys get 401 at once."""
    session.client.delete(session.path("consumers", consumer))
    session.output.result({"deleted": consumer}, f"deleted {consumer}")


def grant(session: Session, consumer: CONSUMER, integrations: INTEGRATIONS) -> None:
    """Let a consumer's keys open the triggers of integrations.

    [bold]Examples[/bold]

      firesteel consumer grant ACME ItemPrice StockAtHand
    """
    for name in integrations:
        session.client.put(session.path("consumers", consumer, "grants", name), None)
    text = f"{consumer} may call {', '.join(integrations)}"
    session.output.result({"granted": integrations}, text)


def revoke(session: Session, consumer: CONSUMER, integrations: INTEGRATIONS) -> None:
    """Take grants back; calls with the consumer's keys get 401 there at once."""
    for name in integrations:
        session.client.delete(session.path("consumers", consumer, "grants", name))
    text = f"{consumer} may no longer call {', '.join(integrations)}"
    session.output.result({"revoked": integrations}, text)


def _way(way: dict[str, str]) -> str:
    return f"{way['kind'].replace('_', ' ')} at {way['integration']}"


COMMANDS = {
    "add": add,
    "list": list_consumers,
    "show": show,
    "grant": grant,
    "revoke": revoke,
    "rename": rename,
    "delete": delete,
}
