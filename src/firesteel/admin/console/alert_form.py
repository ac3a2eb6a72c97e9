"""The forms of alerts: a channel and a rule as fields, and the fields as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firesteel.model.alerts import OF_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final = (
    ("email", "Mail (SMTP)"),
    ("slack", "Chat: Slack, Mattermost, Discord"),
    ("webhook", "Webhook (JSON)"),
)
EVENTS: Final = (
    ("execution_failed", "An execution has failed"),
    ("lane_paused", "A lane stands still"),
    ("oldest_waiting", "A message waits too long"),
    ("key_expires", "An API key expires"),
    ("node_down", "A node is down"),
    ("storage_low", "A disk is nearly full"),
    ("archive_failed", "The archive takes nothing"),
)
_MAIL: Final = ("from", "host", "port", "tls", "tls_ca", "user", "password")


def channel_values(document: dict[str, Any]) -> dict[str, str]:
    """What stands in the fields for a channel."""
    kind = next((kind for kind, _ in KINDS if kind in document), "email")
    headers = document.get("headers") or {}
    return {
        "kind": kind,
        "email": "\n".join(document.get("email") or []),
        "slack": _text(document.get("slack")),
        "webhook": _text(document.get("webhook")),
        "secret": _text(document.get("secret")),
        "headers": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        **{name: _text(document.get(name)) for name in _MAIL},
    }


def channel_document(values: Mapping[str, str]) -> dict[str, Any]:
    """The channel that was filled in; empty fields are left out, and what is wrong in others stays
    for the check to find."""
    kind = values.get("kind", "email")
    if kind == "slack":
        return {"slack": _given(values, "slack")}
    if kind == "webhook":
        lines = values.get("headers", "").splitlines()
        headers = dict(_header(line) for line in lines if line.strip())
        document: dict[str, Any] = {"webhook": _given(values, "webhook")}
        document |= {"headers": headers} if headers else {}
        return _with(document, values, ("secret", "tls_ca"))
    document = _with({"email": _names(values, "email")}, values, _MAIL)
    port = document.get("port", "")
    if port.isdecimal():
        document["port"] = int(port)
    return document


def rule_values(rule: dict[str, Any]) -> dict[str, str]:
    """What stands in the fields for a rule."""
    return {
        "event": str(rule.get("event", "execution_failed")),
        "integrations": "\n".join(rule.get("integrations") or []),
        "channels": "\n".join(rule.get("channels") or []),
        "group": _text(rule.get("group")),
        "age": _text(rule.get("age")),
        "before": _text(rule.get("before")),
        "enabled": "on" if rule.get("enabled", True) else "",
    }


def rule_document(values: Mapping[str, str]) -> dict[str, Any]:
    """The rule that was filled in."""
    event = values.get("event", "")
    document: dict[str, Any] = {"event": event}
    for name in ("channels",) if event in OF_NODES else ("integrations", "channels"):
        if names := _names(values, name):
            document[name] = names
    own = {"oldest_waiting": ("age",), "key_expires": ("before",)}.get(event, ())
    document = _with(document, values, ("group", *own))
    return document if values.get("enabled") else {**document, "enabled": False}


def _with(
    document: dict[str, Any], values: Mapping[str, str], names: tuple[str, ...]
) -> dict[str, Any]:
    given = {name: _given(values, name) for name in names}
    return document | {name: text for name, text in given.items() if text}


def _given(values: Mapping[str, str], name: str) -> str:
    return values.get(name, "").strip()


def _names(values: Mapping[str, str], name: str) -> list[str]:
    """One a line, or separated by commas."""
    text = values.get(name, "").replace(",", "\n")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
