"""``firesteel user``: who may use the console and the REST API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer

NAME = Annotated[str, typer.Argument(help="Name of the user.")]
ROLE = Annotated[str, typer.Option("--role", help="viewer, operator, editor or admin.")]
PAYLOADS = Annotated[
    bool | None, typer.Option("--payloads/--no-payloads", help="May see what messages hold.")
]
REVEAL = Annotated[
    bool | None, typer.Option("--reveal/--no-reveal", help="May see API keys in clear.")
]


def link(
    session: Session,
    name: Annotated[
        str | None,
        typer.Argument(help="Name of the user; left out: whoever becomes the first administrator."),
    ] = None,
) -> None:
    """Print a link that works once, for 24 hours, by which a user chooses a new password.

    On the node's machine it helps who cannot sign in any more.

    [bold]Examples[/bold]

      firesteel user link

      firesteel user link anna
    """
    made = session.client.post("/links", {"user": name})
    made["url"] = session.client.node.admin_url + made["path"]
    session.output.result(made, made["url"])


def add(
    session: Session,
    name: NAME,
    role: ROLE = "viewer",
    payloads: PAYLOADS = None,
    reveal: REVEAL = None,
) -> None:
    """Add a user, and print the link by which they choose a password.

    [bold]Examples[/bold]

      firesteel user add anna --role editor --payloads
    """
    body = {
        "name": name,
        "role": role,
        "payloads": bool(payloads),
        "reveal": bool(reveal),
    }
    added = session.client.post("/users", body)
    added["link"]["url"] = session.client.node.admin_url + added["link"]["path"]
    session.output.result(added, added["link"]["url"])


def list_users(session: Session) -> None:
    """List the users."""
    found = session.client.get("/users")
    session.output.result(found)
    session.output.columns(
        ("name", "role", "payloads", "reveal", "state", "last sign-in"),
        [
            (
                item["name"],
                item["role"],
                "yes" if item["payloads"] else "no",
                "yes" if item["reveal"] else "no",
                _state(item),
                (item["last_sign_in_at"] or "never")[:19],
            )
            for item in found
        ],
    )


def change(
    session: Session,
    name: NAME,
    role: Annotated[
        str | None, typer.Option("--role", help="viewer, operator, editor or admin.")
    ] = None,
    payloads: PAYLOADS = None,
    reveal: REVEAL = None,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Whether they may sign in.")
    ] = None,
) -> None:
    """Give a user another role or right, or let them sign in no more; it acts at once.

    [bold]Examples[/bold]

      firesteel user change anna --role admin --reveal

      firesteel user change anna --disabled
    """
    given = {"role": role, "payloads": payloads, "reveal": reveal, "enabled": enabled}
    body = {name: value for name, value in given.items() if value is not None}
    changed = session.client.patch(_path(name), body)
    session.output.result(changed, f"{changed['name']} is {changed['role']}, {_state(changed)}")


def delete(session: Session, name: NAME) -> None:
    """Delete a user; their sessions end."""
    session.client.delete(_path(name))
    session.output.result({"deleted": name}, f"deleted {name}")


def _path(name: str) -> str:
    from firesteel.cli.node_client import path_of

    return path_of("users", name)


def _state(item: dict[str, Any]) -> str:
    if not item["enabled"]:
        return "disabled"
    return "active" if item["has_password"] else "invited"


COMMANDS = {"link": link, "add": add, "list": list_users, "change": change, "delete": delete}
