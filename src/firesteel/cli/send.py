"""``firesteel send``: call a trigger, as its consumers do."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit

if TYPE_CHECKING:
    import httpx2


_TIMEOUT_S = 910.0  # the longest Request-Response timeout, and a little


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent."""

    method: str
    url: str
    query: list[tuple[str, str | int | float | bool | None]]
    headers: list[tuple[str, str]]
    body: bytes | None


def send(
    session: Session,
    name: Annotated[str, typer.Argument(help="Name of the integration.")],
    query: Annotated[
        list[str] | None, typer.Option("--query", "-q", help="A query parameter: item=A-100.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", help="The body; @file reads a file, - standard input."),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header: 'name: value'.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", "-k", help="API key: the label of one, or the secret itself."),
    ] = None,
    method: Annotated[str | None, typer.Option("--method", "-X")] = None,
    public_url: Annotated[
        str | None, typer.Option("--public-url", help="Address of the public port.")
    ] = None,
) -> None:
    """Call a trigger and print what it answers. Exits with 1 unless that is a success.

    [bold]Examples[/bold]

      firesteel send ItemPrice --query item=A-100 --key "web shop"

      firesteel send ReceiveWorkOrder --data @order.json --key demo-key
    """
    integration = session.client.get(session.path("integrations", name))
    call = Call(
        method=(method or _method(integration, data)).upper(),
        url=address_of(session, public_url) + integration["path"],
        query=[_pair(item, "=", "--query") for item in query or []],
        headers=[_pair(item, ":", "--header") for item in header or []],
        body=None if data is None else _body(data),
    )
    call = _with_defaults(call, secret_of(session, name, key))
    answered(session, call)


def answered(session: Session, call: Call) -> None:
    """Call, and print the answer. Raises typer.Exit unless that is a success."""
    response = _exchange(session, call)
    _print(session, response)
    if not response.is_success:
        raise typer.Exit(Exit.FAILED)


def _method(integration: dict[str, Any], data: str | None) -> str:
    """POST with a body where the trigger takes it, GET without one, else what it takes."""
    trigger = integration["document"].get("trigger") or {}
    methods: list[str] = trigger.get("methods") or ["GET", "POST"]
    wanted = "GET" if data is None else "POST"
    return wanted if wanted in methods else methods[0]


def address_of(session: Session, public_url: str | None) -> str:
    """Of the public port. Raises CommandFailed ``usage`` where it is not known."""
    found = public_url or session.client.node.public_url
    found = found or session.client.get("/node")["public_url"]
    if not found:
        raise CommandFailed(
            "the address of the public port is not known",
            exit_code=Exit.USAGE,
            code="usage",
            hint="give it with --public-url",
        )
    return str(found).rstrip("/")


def secret_of(session: Session, name: str, key: str | None) -> str | None:
    """The secret of a label, which the node reveals, or else what was given."""
    if key is None:
        return None
    path = session.path("integrations", name, "keys")
    labels = [item["label"] for item in session.client.get(path)]
    if key not in labels:
        return key
    revealed = session.client.post(session.path("integrations", name, "keys", key, "reveal"))
    return str(revealed["secret"])


def _with_defaults(call: Call, secret: str | None) -> Call:
    given = {name.lower() for name, _ in call.headers}
    headers = list(call.headers)
    if secret is not None and "x-api-key" not in given:
        headers.append(("x-api-key", secret))
    if call.body is not None and "content-type" not in given:
        headers.append(("content-type", _content_type(call.body)))
    return Call(call.method, call.url, call.query, headers, call.body)


def _content_type(body: bytes) -> str:
    start = body.lstrip()[:1]
    if start in (b"{", b"["):
        return "application/json"
    return "application/xml" if start == b"<" else "application/octet-stream"


def _pair(text: str, separator: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found:
        raise CommandFailed(
            f"{option} is written name{separator}value", exit_code=Exit.USAGE, code="usage"
        )
    return name.strip(), value.strip() if separator == ":" else value


def _body(data: str) -> bytes:
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise CommandFailed(
            f"{data[1:]}: {error.strerror}", exit_code=Exit.NOT_FOUND, code="file_not_found"
        ) from error


def _exchange(session: Session, call: Call) -> httpx2.Response:
    import httpx2

    from firesteel.cli.node_client import trust

    try:
        return httpx2.request(
            call.method,
            call.url,
            params=call.query,
            headers=call.headers,
            content=call.body,
            timeout=_TIMEOUT_S,
            verify=trust(session.client.node),
        )
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise CommandFailed(
            f"{call.url} does not answer: {error}",
            exit_code=Exit.UNREACHABLE,
            code="node_unreachable",
        ) from error


def _print(session: Session, response: httpx2.Response) -> None:
    headers = list(response.headers.multi_items())
    session.output.result(
        {"status": response.status_code, "headers": headers, "body": response.text}
    )
    session.output.say(f"{response.status_code} {response.reason_phrase}".rstrip())
    for name, value in headers:
        session.output.say(f"{name}: {value}")
    session.output.say("")
    if response.content:
        session.output.say(response.text)
