"""``firesteel archive send``: an archived message is sent to a node once more."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from firesteel.cli.archive import DIRECTORY, record_of_id  # the first is read by Typer
from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.send import Call, address_of, answered, secret_of

# Of the connection that it came by, and of whoever passed it on.
_NOT_SENT = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "expect", "forwarded"}
)


def send(
    session: Session,
    id: Annotated[str, typer.Argument(help="Id of the archived message.")],
    key: Annotated[
        str | None,
        typer.Option("--key", "-k", help="API key: the label of one, or the secret itself."),
    ] = None,
    archive_dir: DIRECTORY = None,
    public_url: Annotated[
        str | None, typer.Option("--public-url", help="Address of the public port.")
    ] = None,
) -> None:
    """Call the trigger again with what an archived message held: method, query, headers, body. It
    becomes a new message, with a sequence of its own.

    [bold]Examples[/bold]

      firesteel archive send 01a22c3fb548737eb532b33c21926cca --key ACME
    """
    from firesteel.store.archive.record import body_of

    record = record_of_id(archive_dir, id)
    request, body = record["request"], body_of(record)
    if request is None:
        detail = f"the archive has not got what the message held: {record['payload']}"
        raise CommandFailed(detail, exit_code=Exit.REFUSED, code="payload_purged")
    secret = secret_of(session, record["integration"], key)
    query = f"?{request['query']}" if request["query"] else ""
    url = address_of(session, public_url) + request["path"] + query
    answered(session, Call(request["method"], url, [], _headers(request, secret), body))


def _headers(request: dict[str, Any], secret: str | None) -> list[tuple[str, str]]:
    kept = [
        (name, value)
        for name, value in request["headers"]
        if name not in _NOT_SENT and not name.startswith("x-forwarded-")
    ]
    return kept if secret is None else [*kept, ("x-api-key", secret)]
