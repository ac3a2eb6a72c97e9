"""``firesteel backup``: a copy of the store of a running node."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.copying_shown import shown_copying
from firesteel.cli.exit_codes import CommandFailed, Exit

if TYPE_CHECKING:
    from firesteel.cli.copying_shown import Told

# A copy of many gigabytes takes a while until the node has anything to answer.
_PATIENCE_S = 24 * 3600.0
_LOOK_S = 0.25
_STDOUT = Path("-")


def backup(
    session: Session,
    file: Annotated[
        Path,
        typer.Argument(help="Where to write; must not exist. With --download, - is the output."),
    ],
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Write the file here, not on the node's machine: the copy comes in the answer.",
        ),
    ] = False,
) -> None:
    """Copy the store to a file on the node's machine, while the node goes on.

    The copy holds every message accepted before; it is read through after it was written, and is a
    whole file or none. Secrets in it are sealed: keep the encryption key of the data directory
    beside it, in a safe place.

    [bold]Examples[/bold]

      firesteel backup /backups/firesteel-2027-06-30.db

      firesteel backup --download firesteel-2027-06-30.db
    """
    if download:
        done = _download(session, file)
    else:
        with shown_copying(session.output) as told:
            done = _made(session, file, told)
        _say_if_unseen(session, file)
    size_mib = done["size_bytes"] / 1024**2
    if file == _STDOUT:
        session.output.note(f"sha256 {done['sha256']}")
        return
    session.output.result(done)
    session.output.say(f"wrote {done['path']} ({size_mib:.1f} MiB, sha256 {done['sha256']})")
    if download:
        session.output.say(
            "its encryption key is not in it: keep that of the node's data directory"
        )
    if "messages" in done:
        states = ", ".join(f"{count:,} {state}" for state, count in done["executions"].items())
        session.output.say(f"read through: {done['messages']:,} messages; {states or 'none run'}")
        session.output.say(f"its encryption key, which is not in it: {done['encryption_key']}")


def _say_if_unseen(session: Session, file: Path) -> None:
    """A node under systemd has a /tmp of its own, where nobody else finds the copy."""
    if session.client.node.is_here and not os.path.lexists(file):
        session.output.warn(
            f"{file} is not seen from here: the node has another view of that folder, or this user "
            "may not look into it; --download writes a copy here"
        )


def _made(session: Session, file: Path, told: Told) -> Any:
    """Ask for the copy, and meanwhile how far it is."""
    path, client = str(file.absolute()), session.client
    done: list[Any] = []

    def make() -> None:
        try:
            body = {"path": path}
            done.append(client.send("POST", "/backup", body=body, timeout_s=_PATIENCE_S))
        except CommandFailed as error:
            if error.code == "backup_failed":
                error.hint = "the node writes the file, where it may; --download writes it here"
            done.append(error)

    making = threading.Thread(target=make, daemon=True)
    making.start()
    while making.is_alive():
        making.join(_LOOK_S)
        if making.is_alive():
            state = client.get("/backup")
            if state["doing"]:
                told(state["doing"], state["done_bytes"], state["total_bytes"])
    if isinstance(done[0], CommandFailed):
        raise done[0]
    return done[0]


def _download(session: Session, file: Path) -> dict[str, Any]:
    """Under a name of its own until it is whole; the checksum is that of what came."""
    if file == _STDOUT:
        size_bytes, sha256 = _received(session, 1)
        return {"path": "-", "size_bytes": size_bytes, "sha256": sha256}
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    if file.exists():
        raise CommandFailed(f"{file} exists", exit_code=Exit.REFUSED, code="target_exists")
    try:
        target = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            size_bytes, sha256 = _received(session, target)
            os.fsync(target)
        finally:
            os.close(target)
        os.link(partial, file)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}", code="backup_failed") from error
    finally:
        partial.unlink(missing_ok=True)
    return {"path": str(file.absolute()), "size_bytes": size_bytes, "sha256": sha256}


def _received(session: Session, target: int) -> tuple[int, str]:
    """Write what comes; its size and checksum. Raises CommandFailed where a part is missing."""
    digest, done = hashlib.sha256(), 0
    with shown_copying(session.output) as told:
        told("waiting", 0, 0)
        with session.client.stream("POST", "/backup/download", timeout_s=_PATIENCE_S) as answer:
            total = int(answer.headers["content-length"])
            for piece in answer.iter_bytes():
                _write(target, piece)
                digest.update(piece)
                done += len(piece)
                told("receiving", done, total)
            expected = answer.headers["firesteel-sha256"]
    if digest.hexdigest() != expected:
        raise CommandFailed("the copy came in damaged; try again", code="backup_failed")
    return done, expected


def _write(target: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(target, view) :]
