"""``firesteel alert``: channels and rules, tests, silences, and what was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.output import painted

if TYPE_CHECKING:
    from firesteel.cli.output import Output

CHANNEL = Annotated[str, typer.Argument(help="Name of the channel.")]
RULE = Annotated[
    str | None, typer.Argument(help="Name of the rule; left out: all of the workspace.")
]


def list_alerts(session: Session) -> None:
    """List channels, rules and silences.

    [bold]Examples[/bold]

      firesteel alert list
    """
    from firesteel.model.alerts import OF_NODES

    found = session.client.get(session.path("alerts"))
    session.output.result(found)
    channels = found["document"]["channels"]
    session.output.columns(
        ("channel", "kind", "to"),
        [(name, *_kind_and_target(channel)) for name, channel in channels.items()],
    )
    session.output.say("")
    silent = {item["rule"]: item["until"] for item in found["silences"]}
    session.output.columns(
        ("rule", "event", "of", "channels", "silent until"),
        [
            (
                name,
                rule["event"] if rule.get("enabled", True) else f"{rule['event']} (off)",
                None if rule["event"] in OF_NODES else ", ".join(rule.get("integrations", ["all"])),
                ", ".join(rule.get("channels") or ["all"]),
                _minute(silent.get(name) or silent.get(None)) or None,
            )
            for name, rule in found["rules"].items()
        ],
    )
    if found["default_rules"]:
        session.output.say("\nThese are the default rules, which hold while there are no others.")


def show_alerts(session: Session) -> None:
    """Show the document, as alerts.yaml has it.

    [bold]Examples[/bold]

      firesteel alert show
    """
    from firesteel.model.yaml_writer import write_yaml

    found = session.client.get(session.path("alerts"))
    session.output.result(found["document"], write_yaml(found["document"]).rstrip("\n"))


def test_channel(session: Session, channel: CHANNEL) -> None:
    """Send a test alert over a channel, now.

    [bold]Examples[/bold]

      firesteel alert test operations
    """
    tested = session.client.post(session.path("alerts", "channels", channel, "test"))
    if not tested["works"]:
        failure = tested["failure"]
        raise CommandFailed(
            f"{channel}: not sent: {failure['detail']}",
            exit_code=Exit.FAILED,
            code=failure["code"],
        )
    session.output.result(tested, f"{channel}: a test alert was sent")


def silence(
    session: Session,
    rule: RULE = None,
    for_: Annotated[str, typer.Option("--for", help="How long, such as 30m, 2h or 3d.")] = "1h",
    why: Annotated[str, typer.Option("--why", help="For the record.")] = "",
) -> None:
    """Tell nothing for a while, by one rule or by all.

    [bold]Examples[/bold]

      firesteel alert silence --for 2h --why "the ERP is being moved"

      firesteel alert silence failures --for 30m
    """
    from firesteel.model.quantities import parse_duration

    try:
        until = datetime.now(UTC) + timedelta(seconds=parse_duration(for_))
    except (ValueError, OverflowError) as error:
        raise CommandFailed(str(error), exit_code=Exit.USAGE, code="usage") from error
    body = {"rule": rule, "until": until.isoformat(), "why": why}
    made = session.client.put(session.path("alerts", "silence"), body)
    session.output.result(made, f"{rule or 'all rules'}: silent until {_minute(made['until'])} UTC")


def unsilence(session: Session, rule: RULE = None) -> None:
    """End the silence of a rule, or the one of all.

    [bold]Examples[/bold]

      firesteel alert unsilence

      firesteel alert unsilence failures
    """
    silent = {item["rule"]: item["until"] for item in _silences(session)}
    path = session.path("alerts", "silence")
    session.client.send("DELETE", path, parameters={"rule": rule})
    ended = silent.pop(rule, None) is not None
    still = {name: at for name, at in silent.items() if rule is None or name is None}
    lines = [f"{rule or 'all rules'}: {'silent no more' if ended else 'no silence to end'}"]
    lines += [
        f"{name or 'all rules'}: still silent until {_minute(at)} UTC" for name, at in still.items()
    ]
    session.output.result({"rule": rule, "ended": ended}, "\n".join(lines))


def _silences(session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.client.get(session.path("alerts"))["silences"]
    return found


def list_sent(
    session: Session, limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500)] = 50
) -> None:
    """List what was sent, is on its way, or was given up; latest first.

    [bold]Examples[/bold]

      firesteel alert sent -n 10
    """
    found = session.client.get(session.path("alerts", "sent"), limit=limit)
    session.output.result(found)
    _show_sent(session.output, found)


def _show_sent(output: Output, found: list[dict[str, Any]]) -> None:
    for item in found:
        state = painted(item["state"], {"sent": "succeeded"}.get(item["state"], item["state"]))
        title = "".join(char if char.isprintable() else "?" for char in item["title"])
        output.say(f"{_minute(item['made_at'])}  {state:<7}  {item['channel']}  {title}")
        if item["error"]:
            output.say(f"    attempt {item['attempts']}: {item['error']}")


def _kind_and_target(channel: dict[str, Any]) -> tuple[str, str]:
    for kind in ("email", "slack", "webhook"):
        if kind in channel:
            target = channel[kind]
            return kind, ", ".join(target) if isinstance(target, list) else str(target)
    return "", ""


def _minute(at: str | None) -> str:
    return "" if at is None else at[:16].replace("T", " ")


COMMANDS = {
    "list": list_alerts,
    "show": show_alerts,
    "test": test_channel,
    "silence": silence,
    "unsilence": unsilence,
    "sent": list_sent,
}
