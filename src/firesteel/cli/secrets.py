"""``firesteel secrets``: secrets of a workspace, and the encryption key above them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.model.references import ADVISED_BYTES

SECRET = Annotated[str, typer.Argument(help="Name of the secret, as in ${NAME}.")]


def list_secrets(session: Session) -> None:
    """List the names of the workspace's secrets; values are never shown."""
    names = session.client.get(session.path("secrets"))
    session.output.result(names, "\n".join(names) or "no secrets")


def put_secret(session: Session, name: SECRET) -> None:
    """Keep a secret for ${NAME}; its value is read from standard input, or asked for.

    [bold]Examples[/bold]

      firesteel secrets put ERP_PASSWORD < password.txt
    """
    if sys.stdin.isatty():
        value = typer.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True)
    else:
        value = sys.stdin.read().rstrip("\r\n")
    session.client.put(session.path("secrets", name), {"value": value})
    if len(value.encode()) < ADVISED_BYTES:
        session.output.warn(
            f"the value has fewer than {ADVISED_BYTES} bytes; as a password, or to sign with, "
            "it may be guessed"
        )
    session.output.result({"kept": name}, f"kept {name}")


def delete_secret(session: Session, name: SECRET) -> None:
    """Forget a secret."""
    session.client.delete(session.path("secrets", name))
    session.output.result({"deleted": name}, f"deleted {name}")


def rotate(
    session: Session,
    finish: Annotated[
        bool, typer.Option("--finish", help="Every node has the next key: let it be the only one.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Write the next key to this file (mode 0600), not to the screen."
        ),
    ] = None,
) -> None:
    """Let another encryption key take over, while calls go on.

    A node alone whose key lies in its data directory does all of it at once; it has no key to give
    away, and refuses --to. Otherwise the next key is printed, this once: give it to every node,
    start them anew one after the other, and run this again with --finish. Until then both keys open
    the store.

    [bold]Examples[/bold]

      firesteel secrets rotate

      firesteel secrets rotate --to next.key

      firesteel secrets rotate --finish
    """
    if finish:
        state = session.client.post("/encryption/finish")
        session.output.result(state, f"the key {state['key']} is the only one; all is sealed anew")
        return
    if to is not None:
        _refuse_file(session, to)
    rotated = session.client.post("/encryption/rotate")
    key = rotated["next_key"]
    if rotated["finished"]:
        session.output.result(
            rotated,
            f"the key is changed; the one before is kept as {rotated['former_file']}, for "
            "back-ups made before",
        )
        return
    if to is not None:
        _write_key(to, key)
        rotated["next_key"] = None
    session.output.result(rotated, f"wrote {to}" if to else key)
    if not session.output.as_json:
        session.output.warn(
            "give this key to every node (FIRESTEEL_ENCRYPTION_KEY), start them anew one after the "
            "other, then run: firesteel secrets rotate --finish"
        )


def key_status(session: Session) -> None:
    """Show the encryption key in use by its id, and how far a change of it is."""
    state = session.client.get("/encryption")
    session.output.result(state)
    where = "in the data directory" if state["key_in_file"] else "from the settings"
    session.output.say(f"key {state['key']}, {where}")
    if state["next_key"] is not None:
        left = ", ".join(state["nodes_left"]) or "none"
        session.output.say(f"next key {state['next_key']}; nodes that do not have it yet: {left}")
    if state["to_reseal"]:
        session.output.say(f"{state['to_reseal']} secrets are yet to be sealed anew")


def _refuse_file(session: Session, to: Path) -> None:
    """Where no key can be written there. Nothing is changed yet."""
    if to.exists():
        raise CommandFailed(f"{to} exists already", exit_code=Exit.USAGE, code="usage")
    if session.client.get("/encryption")["at_once"]:
        raise CommandFailed(
            "--to is for keys that nodes are given: this node is alone and puts the next key into "
            "encryption.key of its data directory itself; run it without --to, then copy that file",
            exit_code=Exit.USAGE,
            code="usage",
        )


def _write_key(file: Path, key: str) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as opened:
            opened.write(key + "\n")
    except OSError as error:
        raise CommandFailed(
            f"{file}: {error.strerror}; run it again, which makes another key",
            exit_code=Exit.FAILED,
        ) from error


COMMANDS = {
    "list": list_secrets,
    "put": put_secret,
    "delete": delete_secret,
    "rotate": rotate,
    "key": key_status,
}
