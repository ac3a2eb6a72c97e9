"""``firesteel messages``: find messages, look at one, act on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from firesteel.cli.bulk import bulk
from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.erasing import erase
from firesteel.cli.message_text import message_lines, search_condition

ID = Annotated[str, typer.Argument(help="Id of the message.")]
RUN = Annotated[
    int | None,
    typer.Option("--run", help="Which execution: 1 is the original; left out: the latest.", min=1),
]
WHY = Annotated[str, typer.Option("--why", help="For the record.")]


INTEGRATION = Annotated[str | None, typer.Option("--integration", "-i")]
STATE = Annotated[
    str | None,
    typer.Option(
        "--state", "-s", help="waiting, running, succeeded, failed, cancelled or skipped."
    ),
]
CONSUMER = Annotated[str | None, typer.Option("--consumer", help="Label of the key.")]
SINCE = Annotated[
    str | None, typer.Option("--since", help="Received from this time on (RFC 3339).")
]
UNTIL = Annotated[str | None, typer.Option("--until", help="Received before this time (RFC 3339).")]
SEQUENCE = Annotated[int | None, typer.Option("--sequence", min=1)]
SEARCH = Annotated[
    str | None, typer.Option("--search", help="One of the search names: order_no=4711.")
]
LIMIT = Annotated[int, typer.Option("--limit", "-n", min=1, max=500)]
CURSOR = Annotated[str | None, typer.Option("--cursor", help="Where the page before ended.")]


def list_messages(
    session: Session,
    integration: INTEGRATION = None,
    state: STATE = None,
    consumer: CONSUMER = None,
    since: SINCE = None,
    until: UNTIL = None,
    sequence: SEQUENCE = None,
    search: SEARCH = None,
    limit: LIMIT = 50,
    cursor: CURSOR = None,
) -> None:
    """List messages, latest first.

    [bold]Examples[/bold]

      firesteel messages list --state failed

      firesteel messages list -i ReceiveWorkOrder --search customer_no=1000 --json
    """
    search_name, search_value = search_condition(search)
    page = session.client.get(
        session.path("messages"),
        integration=integration,
        state=state,
        consumer=consumer,
        received_from=since,
        received_until=until,
        sequence=sequence,
        search_name=search_name,
        search_value=search_value,
        limit=limit,
        cursor=cursor,
    )
    session.output.result(page)
    session.output.columns(
        (
            "id",
            "run",
            "integration",
            "sequence",
            "state",
            "consumer",
            "received",
            "attempts",
            "why",
        ),
        [_row(item) for item in page["items"]],
    )
    if page["next"]:
        session.output.say(f"more: --cursor {page['next']}")


def show(
    session: Session,
    id: ID,
    full: Annotated[bool, typer.Option("--full", help="Show whole bodies and results.")] = False,
) -> None:
    """Show a message: request, executions, steps, attempts, response, and why it waits."""
    found = session.client.get(session.path("messages", id))
    session.output.result(found)
    if not session.output.as_json:
        for line in message_lines(found, full=full):
            session.output.say(line)


def replay(
    session: Session,
    id: ID,
    run: RUN = None,
    original_version: Annotated[
        bool,
        typer.Option("--original-version", help="Use the version it was accepted under."),
    ] = False,
    why: WHY = "",
) -> None:
    """Run a message again that has ended, under the version published now."""
    body = {"run": run, "why": why, "original_version": original_version}
    done = session.client.post(session.path("messages", id, "replay"), body)
    session.output.result(done, f"replayed as run {done['run']}")


def cancel(session: Session, id: ID, run: RUN = None, why: WHY = "") -> None:
    """End a message that waits or runs."""
    _act(session, "cancel", id, {"run": run, "why": why})


def skip(session: Session, id: ID, run: RUN = None, why: WHY = "") -> None:
    """Skip a message that waits, or the failed one at which a lane is paused."""
    _act(session, "skip", id, {"run": run, "why": why})


def retry(session: Session, id: ID, run: RUN = None, why: WHY = "") -> None:
    """Let a message that waits for its retry start now, or run one that has failed again."""
    _act(session, "retry", id, {"run": run, "why": why})


def _act(session: Session, act: str, id: str, body: dict[str, Any]) -> None:
    done = session.client.post(session.path("messages", id, act), body)
    session.output.result(done, f"{id}: {done['state']}")


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    failure = item["failure"]
    why = item["reason"] or (f"{failure['code']}: {failure['detail']}" if failure else "")
    return (
        item["id"],
        item["run"],
        item["integration"],
        item["sequence"],
        item["state"],
        item["consumer"],
        item["received_at"][:19].replace("T", " "),
        item["attempts"],
        why[:60],
    )


COMMANDS = {
    "list": list_messages,
    "show": show,
    "replay": replay,
    "cancel": cancel,
    "skip": skip,
    "retry": retry,
    "bulk": bulk,
    "erase": erase,
}
