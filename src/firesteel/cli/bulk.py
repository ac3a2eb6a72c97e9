"""``firesteel messages bulk``: one act on all that a selection finds, counted before it begins."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any, Final, Literal

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.message_text import search_condition

_LOOK_EVERY_S: Final = 0.5
PATIENCE_S: Final = 600.0
"""Without any progress of the act."""
_DONE: Final = {"replay": "replayed", "cancel": "cancelled", "skip": "skipped"}
# What the act is mostly for, where nobody says another state.
_STATES: Final = {"replay": "failed", "cancel": "waiting", "skip": "waiting"}


def bulk(
    session: Session,
    act: Annotated[
        Literal["replay", "cancel", "skip"], typer.Argument(help="replay, cancel or skip.")
    ],
    integration: Annotated[
        str | None, typer.Option("--integration", "-i", help="Of this integration.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", "-s", help="Left out: failed to replay, waiting to cancel or skip."
        ),
    ] = None,
    consumer: Annotated[str | None, typer.Option("--consumer", help="Of this consumer.")] = None,
    code: Annotated[
        str | None, typer.Option("--code", help="Code of the failure: sql_failed.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", help="By a search name: customer_no=1000.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Received from then on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Received before.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    why: Annotated[str, typer.Option("--why", help="For the record.")] = "",
) -> None:
    """Replay, cancel or skip all messages that a selection finds, the oldest first.

    It counts first and asks. What somebody has replayed already is not replayed again. It goes on
    when this command is stopped, and after a restart of the node.

    [bold]Examples[/bold]

      firesteel messages bulk replay -i ReceiveWorkOrder --why "the ERP is back"

      firesteel messages bulk replay --code sql_failed --since 2027-06-30T00:00:00Z --yes

      firesteel messages bulk cancel -i CustomerToCrm --consumer "web shop"
    """
    name, value = search_condition(search)
    selection = {
        "integration": integration,
        "state": state or _STATES[act],
        "consumer": consumer,
        "failure_code": code,
        "search_name": name,
        "search_value": value,
        "received_from": since,
        "received_until": until,
    }
    given = {key: text for key, text in selection.items() if text is not None}
    done = run_bulk(session, act, given, Act(f"{act.capitalize()} {{}}?", yes, why))
    number = done["done"]
    text = f"{number:,} execution{'' if number == 1 else 's'} {_DONE[act]}"
    if done["passed_over"]:
        text += f"; {done['passed_over']:,} passed over"
    session.output.result(done, text)
    if done["state"] != "done":
        raise typer.Exit(Exit.FAILED)


class Act:
    """What is asked before an act: ``question`` with a place for the number; ``yes``: nothing."""

    def __init__(self, question: str, yes: bool, why: str) -> None:
        self.why = why
        self._question = question
        self._yes = yes

    def ask(self, what: str) -> None:
        """Raises CommandFailed where nobody says yes."""
        if self._yes:
            return
        question = self._question.format(what)
        if not sys.stdin.isatty():
            detail = f"nobody is here to say yes to: {question}"
            raise CommandFailed(detail, exit_code=Exit.USAGE, code="usage", hint="add --yes")
        if not typer.confirm(question):
            raise CommandFailed("nothing was done", code="stopped")


def run_bulk(session: Session, name: str, given: dict[str, str], act: Act) -> dict[str, Any]:
    """Count, ask, begin, and wait until it has ended; what the node says of it then."""
    count = session.client.get(session.path("bulk", "count"), act=name, **given)
    more = "more than " if count["more"] else ""
    act.ask(f"{more}{count['count']:,} executions")
    new = {"act": name, "selection": given, "until": count["until"], "why": act.why}
    try:
        begun = session.client.post(session.path("bulk"), new)
    except KeyboardInterrupt:
        hint = f"see GET /api/v1{session.path('bulk')}, or the console"
        raise CommandFailed(
            "nobody waited for the answer: the act may have begun, and goes on then",
            code="stopped",
            hint=hint,
        ) from None
    return _watched(session, begun)


def _watched(session: Session, bulk: dict[str, Any]) -> dict[str, Any]:
    """The act when it has ended. Raises CommandFailed where it makes no progress, or somebody
    watches no more; it goes on all the same."""
    number = str(bulk["number"])
    moved_at = time.monotonic()
    try:
        while bulk["state"] == "running":
            time.sleep(_LOOK_EVERY_S)
            before, bulk = bulk, session.client.get(session.path("bulk", number))
            if _came(bulk) != _came(before):
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > PATIENCE_S:
                detail = f"bulk act {number} has done nothing for {PATIENCE_S:.0f} s"
                raise CommandFailed(detail, code="stuck", hint=_goes_on(session, number))
    except KeyboardInterrupt:
        detail = f"bulk act {number} is watched no more, and goes on"
        raise CommandFailed(detail, code="stopped", hint=_goes_on(session, number)) from None
    return bulk


def _came(bulk: dict[str, Any]) -> tuple[int, int]:
    return bulk["done"], bulk["passed_over"]


def _goes_on(session: Session, number: str) -> str:
    path = session.path("bulk", number)
    return f"see how far it is at GET /api/v1{path}, end it with POST .../cancel, or in the console"
