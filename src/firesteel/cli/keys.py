"""``firesteel key``: the API keys of a trigger, or of a consumer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer

NAME = Annotated[
    str, typer.Argument(help="Name of the integration; with --consumer, of the consumer.")
]
LABEL = Annotated[
    str, typer.Argument(help="Label of the API key: of a trigger's, the consumer's name.")
]
OF_CONSUMER = Annotated[
    bool, typer.Option("--consumer", "-c", help="The key is a consumer's own, not a trigger's.")
]
EXPIRES = Annotated[
    str | None, typer.Option("--expires", help="Last day on which it is taken: YYYY-MM-DD.")
]
VALUE = Annotated[
    str | None,
    typer.Option("--value", help="Your own secret; - reads it from standard input."),
]


def add(
    session: Session,
    name: NAME,
    label: Annotated[
        str | None,
        typer.Argument(
            help="Label of the API key: of a trigger's, the consumer's name. A consumer's key "
            "without one is numbered."
        ),
    ] = None,
    value: VALUE = None,
    same_as: Annotated[
        str | None,
        typer.Option(
            "--same-as",
            help="Use the secret of another trigger's key: INTEGRATION/LABEL; it is not printed.",
        ),
    ] = None,
    expires: EXPIRES = None,
    consumer: OF_CONSUMER = False,
) -> None:
    """Add an API key; without --value or --same-as one is generated and printed.

    [bold]Examples[/bold]

      firesteel key add ItemPrice "web shop"

      firesteel key add ItemPrice "web shop" --value - --expires 2027-06-30 < secret.txt

      firesteel key add StockAtHand "web shop" --same-as "ItemPrice/web shop"

      firesteel key add --consumer ACME
    """
    body: dict[str, Any] = {"value": read_value(value), "expires": expires}
    if label is not None or not consumer:
        body["label"] = label or ""
    if same_as is not None:
        body["same_as"] = key_of(same_as)
    added = session.client.post(_path(session, name, consumer), body)
    if added["warning"]:
        session.output.warn(added["warning"])
    session.output.result(added, added["secret"] or f"added {added['label']}")


def list_keys(session: Session, name: NAME, consumer: OF_CONSUMER = False) -> None:
    """List the API keys of a trigger or of a consumer, without their secrets."""
    found = session.client.get(_path(session, name, consumer))
    session.output.result(found)
    session.output.columns(key_columns(), [row for item in found for row in key_row(item)])


def relabel(
    session: Session,
    name: NAME,
    label: LABEL,
    new_label: Annotated[str, typer.Argument(help="The new label.")],
    consumer: OF_CONSUMER = False,
) -> None:
    """Give an API key another label; its secret stays."""
    path = _path(session, name, consumer, label)
    changed = session.client.patch(path, {"label": new_label})
    session.output.result(changed, f"{label} is now {changed['label']}")


def rotate(
    session: Session,
    name: NAME,
    label: LABEL,
    value: VALUE = None,
    overlap: Annotated[
        str,
        typer.Option(
            "--overlap", help="How long the old secret is taken beside the new one: 7d, 12h, 0s."
        ),
    ] = "7d",
    expires: EXPIRES = None,
    no_expiry: Annotated[
        bool, typer.Option("--no-expiry", help="The new secret does not expire.")
    ] = False,
    consumer: OF_CONSUMER = False,
) -> None:
    """Give an API key a new secret, generated and printed; the old one is taken for a while.

    Without --expires the last day stays as it was. After a second rotation no secret is taken
    longer than the overlap that was chosen last.

    [bold]Examples[/bold]

      firesteel key rotate ItemPrice "web shop"

      firesteel key rotate --consumer ACME 1 --overlap 30d --expires 2028-06-30

      firesteel key rotate ItemPrice "web shop" --overlap 0s --value - < secret.txt
    """
    body: dict[str, Any] = {"value": read_value(value), "overlap_s": _seconds(overlap)}
    if expires is not None or no_expiry:
        body["expires"] = expires
    path = _path(session, name, consumer, label)
    rotated = session.client.post(f"{path}/rotate", body)
    if rotated["warning"]:
        session.output.warn(rotated["warning"])
    for old in rotated["replaced"]:
        session.output.note(f"{old['prefix']}... is taken until {old['expires_at'][:19]}Z")
    if rotated["expiry"] != "valid":
        session.output.warn(f"the new secret expires on {rotated['expires']}: see --expires")
    session.output.result(rotated, rotated["secret"])


def end_overlap(session: Session, name: NAME, label: LABEL, consumer: OF_CONSUMER = False) -> None:
    """Take the secrets that a rotation has replaced no more; calls with them get 401 at once."""
    path = _path(session, name, consumer, label)
    done = session.client.post(f"{path}/end-overlap")
    number = done["ended"]
    text = f"{number} replaced secret{'' if number == 1 else 's'} of {label} no longer taken"
    session.output.result(done, text)


def expiring(session: Session) -> None:
    """List API keys that expire soon or have expired: of all triggers and consumers.

    How soon is the node's setting key_warning_days.
    """
    found = session.client.get(session.path("expiring-keys"))
    session.output.result(found)
    if not found:
        session.output.say("no API key expires soon")
        return
    session.output.columns(
        ("integration", "consumer", "label", "begins with", "expires", "state", "last used"),
        [
            (
                item["integration"] or "",
                item["consumer"] or "",
                item["label"],
                item["prefix"] + "...",
                item["expires"],
                item["expiry"].replace("_", " "),
                (item["last_used_at"] or "never")[:19],
            )
            for item in found
        ],
    )


def delete(session: Session, name: NAME, label: LABEL, consumer: OF_CONSUMER = False) -> None:
    """Delete an API key; calls with it get 401 at once."""
    session.client.delete(_path(session, name, consumer, label))
    session.output.result({"deleted": label}, f"deleted {label}")


def reveal(session: Session, name: NAME, label: LABEL, consumer: OF_CONSUMER = False) -> None:
    """Print the secret of an API key. The audit log says who asked."""
    found = session.client.post(_path(session, name, consumer, label) + "/reveal")
    session.output.result(found, found["secret"])


def read_value(value: str | None) -> str | None:
    """A secret given on the command line; ``-`` reads it from standard input."""
    if value == "-":
        return typer.get_text_stream("stdin").read().rstrip("\r\n")
    return value


def key_of(named: str | None) -> dict[str, str] | None:
    """A trigger's key, written INTEGRATION/LABEL."""
    if named is None:
        return None
    integration, _, label = named.partition("/")
    return {"integration": integration, "label": label}


def key_columns() -> tuple[str, ...]:
    """The heads of a table of keys."""
    return ("label", "begins with", "created", "expires", "last used")


def key_row(item: dict[str, Any]) -> list[tuple[str, ...]]:
    """A key, and behind it the secrets that it has replaced and that are still taken."""
    ends = item["expires"] or ""
    if item["expiry"] != "valid":
        ends = f"{ends} ({item['expiry'].replace('_', ' ')})"
    rows: list[tuple[str, ...]] = [
        (item["label"], item["prefix"] + "...", item["created_at"][:10], ends, _used(item))
    ]
    for old in item["replaced"]:
        until = f"{old['expires_at'][:16]}Z (replaced)"
        rows.append(("", old["prefix"] + "...", old["created_at"][:10], until, _used(old)))
    return rows


def _used(item: dict[str, Any]) -> str:
    return str(item["last_used_at"] or "never")[:19]


def _path(session: Session, name: str, consumer: bool, *label: str) -> str:
    return session.path("consumers" if consumer else "integrations", name, "keys", *label)


def _seconds(text: str) -> float:
    from firesteel.model.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--overlap") from error


COMMANDS = {
    "add": add,
    "list": list_keys,
    "rotate": rotate,
    "end-overlap": end_overlap,
    "expiring": expiring,
    "relabel": relabel,
    "delete": delete,
    "reveal": reveal,
}
