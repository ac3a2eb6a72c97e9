"""Commands about the node itself: status, openapi."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.pausing import say_paused

if TYPE_CHECKING:
    from firesteel.cli.output import Output


def status(session: Session) -> None:
    """Show the node, its workers and its integrations with what waits and runs."""
    node = session.client.get("/node")
    workers = session.client.get("/workers")
    integrations = session.client.get(session.path("integrations"))
    output = session.output
    nodes = session.client.get("/nodes")
    expiring = session.client.get(session.path("expiring-keys"))
    removed = session.client.get(session.path("removed-integrations"))
    pause = session.client.get("/pause") if node["paused"] else None
    shown = {"node": node, "nodes": nodes, "workers": workers, "integrations": integrations}
    beside = {"expiring_keys": expiring, "removed_integrations": removed, "pause": pause}
    output.result({**shown, **beside})
    _warn(output, expiring, nodes, removed)
    if pause is not None:
        say_paused(output, pause)
    state = "accepting" if node["accepting"] else f"refusing calls: {node['refusal']}"
    output.say(f"firesteel {node['version']}, workspace {session.workspace}, {state}")
    running = sum(worker["running"] for worker in workers)
    output.say(
        f"{len(workers)} worker{'' if len(workers) == 1 else 's'}, {running} attempts running, "
        f"{node['waiting_callers']} callers waiting, store {node['store_bytes'] // 1024} KiB"
    )
    if nodes[0]["lease_s"] is not None:
        output.say("")
        output.columns(
            ("node", "role", "version", "since", "lease", "running"),
            [
                (
                    f"{one['name']} (answers)" if one["answers"] else one["name"],
                    one["role"],
                    one["version"],
                    one["since"],
                    "holds" if one["lease_s"] > 0 else "lapsed",
                    one["running"],
                )
                for one in nodes
            ],
        )
    output.say("")
    output.columns(
        ("integration", "version", "on", "managed by", "waiting", "running", "path"),
        [
            (
                item["name"],
                item["version"],
                "on" if item["enabled"] else "off",
                item["managed_by"],
                item["waiting"],
                item["running"],
                item["path"],
            )
            for item in integrations
        ],
    )


def _warn(
    output: Output,
    expiring: list[dict[str, Any]],
    nodes: list[dict[str, Any]],
    removed: list[dict[str, Any]],
) -> None:
    """Of what somebody should look at soon."""
    if expiring:
        number = len(expiring)
        keys = "1 API key expires" if number == 1 else f"{number} API keys expire"
        output.warn(f"{keys} soon or have expired: firesteel key expiring lists them")
    for one in nodes:
        if one["differs"]:
            output.warn(f"{one['name']} has another {' and another '.join(one['differs'])}")
    for item in removed:
        name = item["integration"]
        output.warn(
            f"{name} was removed, and of it {item['waiting']} messages wait and "
            f"{item['running']} run: firesteel messages list --integration {name}"
        )


def openapi(
    session: Session,
    file: Annotated[Path | None, typer.Argument(help="Where to write; default: print it.")] = None,
    consumer: Annotated[
        str | None,
        typer.Option(
            "--consumer",
            "-c",
            help="Of the triggers that the API keys of this label may call, instead.",
        ),
    ] = None,
) -> None:
    """Print an OpenAPI 3.1 document: of the REST API, or of what a consumer may call.

    [bold]Examples[/bold]

      firesteel openapi --consumer "web shop" web-shop.json
    """
    path = "/openapi.json"
    if consumer is not None:
        path = session.path("consumers", consumer) + path
    text = json.dumps(session.client.get(path), indent=2, ensure_ascii=False)
    if file is None:
        print(text)
        return
    try:
        file.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}", exit_code=Exit.FAILED) from error
