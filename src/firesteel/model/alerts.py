"""alerts.yaml: whom to tell of what, as it is written in a file, by the console and by REST.

``channels`` are the ways out (a mail server, a chat, a webhook) and ``rules`` say what is told over
which of them. Where ``rules`` is left out, ``DEFAULT_RULES`` hold. Secrets stand as ``${NAME}`` and
are put in by the node just before an alert is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError

from firesteel.errors import AuthorError
from firesteel.model.connection import check_headers, check_references
from firesteel.model.fault import Fault, child, did_you_mean
from firesteel.model.findings import Finding, Findings, mapping, model_findings, place
from firesteel.model.quantities import Duration, between
from firesteel.model.section import (
    CONNECTION_NAME,
    ConnectionName,
    IntegrationName,
    Reading,
    Section,
    Text,
    refuse,
)
from firesteel.model.yaml_source import Loaded, load_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

S = TypeVar("S", bound=Section)

Event = Literal[
    "execution_failed",
    "lane_paused",
    "oldest_waiting",
    "key_expires",
    "node_down",
    "storage_low",
    "archive_failed",
]
OF_NODES: Final[frozenset[Event]] = frozenset(("node_down", "storage_low", "archive_failed"))
"""Those that concern nodes, and no integration."""
MOST: Final = 100
"""Channels of a workspace, and rules."""

_NAME = re.compile(CONNECTION_NAME, re.ASCII)
_NAME_RULE = "a name has 1 to 64 of letters, digits, _ and -"
# What a mail server has to understand (RFC 5321 section 4.1.2), without quoted and national forms.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)
_NAMED_ADDRESS = re.compile(r"[^<>\r\n\x00-\x1f]{0,100}<(?P<address>[^<>]+)>")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}", re.ASCII)
_OF_EVENT: Final[dict[str, Event]] = {"age": "oldest_waiting", "before": "key_expires"}


def _url(value: str) -> str:
    if value.startswith("${"):
        return value
    try:
        url = urlsplit(value)
        wrong = url.scheme not in ("http", "https") or not url.hostname or url.port == 0
    except ValueError:
        wrong = True
    if wrong or any(character.isspace() for character in value):
        raise refuse("url_invalid", "must be an http:// or https:// URL with a host")
    if url.username is not None or url.password is not None:
        raise refuse("url_invalid", "credentials stand in headers, not in the URL")
    if url.fragment:
        raise refuse("url_invalid", "the URL has no fragment")
    return value


def _recipient(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise refuse("address_invalid", "must be a mail address such as ops@example.com")
    return value


def _sender(value: str) -> str:
    named = _NAMED_ADDRESS.fullmatch(value)
    _recipient(named["address"] if named else value)
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise refuse("host_invalid", "must be the name or the address of a mail server")
    return value


class EmailChannel(Section):
    """Alerts as mails, by a mail server (SMTP)."""

    email: Annotated[
        list[Annotated[str, AfterValidator(_recipient)]], Field(min_length=1, max_length=50)
    ]
    """Who gets them."""
    from_: Annotated[str, AfterValidator(_sender)] = Field(alias="from")
    """The sender's address, also as ``Firesteel <firesteel@example.com>``."""
    host: Annotated[str, AfterValidator(_host)]
    """Of the mail server. An administrator's act: it is not limited to public addresses."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Left out: 587, with ``tls`` 465, with ``none`` 25."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """``starttls`` begins in clear and goes on only with TLS; ``tls`` is TLS from the start."""
    tls_ca: Text | None = None
    """File with the certificates to trust (PEM), instead of the system's."""
    user: Text | None = None
    """To sign in with."""
    password: Text | None = None
    """Of the user, as ``${NAME}``."""

    @property
    def port_number(self) -> int:
        """The port, or the usual one."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.tls]

    @property
    def sender_domain(self) -> str:
        """What stands behind the sender's @."""
        return self.from_.rpartition("@")[2].rstrip(">")


class SlackChannel(Section):
    """Alerts as posts ``{"text": ...}``, which Slack, Mattermost and Discord (at ``/slack``)
    take."""

    slack: Annotated[Text, AfterValidator(_url)]
    """The incoming webhook's address, as ``${NAME}``: whoever knows it can post."""


class WebhookChannel(Section):
    """Alerts as JSON to an address of your own, signed where there is a secret."""

    webhook: Annotated[Text, AfterValidator(_url)]
    """Where to post."""
    secret: Text | None = None
    """Signs by Standard Webhooks (``webhook-signature``); ``whsec_`` and base64, or any text."""
    headers: Annotated[dict[str, str], AfterValidator(check_headers)] = Field(default_factory=dict)
    """Sent with each post."""
    tls_ca: Text | None = None
    """File with the certificates to trust (PEM), instead of the system's."""


Channel = EmailChannel | SlackChannel | WebhookChannel
KINDS: Final[dict[str, type[EmailChannel | SlackChannel | WebhookChannel]]] = {
    "email": EmailChannel,
    "slack": SlackChannel,
    "webhook": WebhookChannel,
}


class AlertRule(Section):
    """What is told."""

    event: Event
    """``execution_failed``, ``lane_paused``, ``oldest_waiting``, ``key_expires``; of nodes
    ``node_down``, ``storage_low``, ``archive_failed``."""
    integrations: Annotated[list[IntegrationName], Field(min_length=1, max_length=1000)] | None = (
        None
    )
    """Left out: all of the workspace. Not with events of nodes."""
    channels: Annotated[list[ConnectionName], Field(min_length=1, max_length=MOST)] | None = None
    """Left out: all."""
    group_s: Annotated[Duration, between("1s", "24h")] = Field(default=600.0, alias="group")
    """After an alert of an integration, further ones are gathered for so long."""
    age_s: Annotated[Duration, between("1s", "365d")] = Field(default=900.0, alias="age")
    """Of ``oldest_waiting``: how long the oldest message may wait."""
    before_s: Annotated[Duration, between("1h", "365d")] = Field(
        default=1_209_600.0, alias="before"
    )
    """Of ``key_expires``: how long before."""
    enabled: bool = True
    """A rule that is switched off tells nothing."""


DEFAULT_RULES: Final[dict[str, AlertRule]] = {
    "failures": AlertRule(event="execution_failed"),
    "paused-lanes": AlertRule(event="lane_paused"),
    "old-messages": AlertRule(event="oldest_waiting"),
    "expiring-keys": AlertRule(event="key_expires"),
    "nodes-down": AlertRule(event="node_down"),
    "low-storage": AlertRule(event="storage_low"),
    "failing-archive": AlertRule(event="archive_failed"),
}


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """A document without faults. ``rules`` None: it has none, and the default ones hold."""

    channels: dict[str, Channel]
    rules: dict[str, AlertRule] | None

    @property
    def in_force(self) -> dict[str, AlertRule]:
        """The rules that hold."""
        return DEFAULT_RULES if self.rules is None else self.rules

    def document(self) -> dict[str, Any]:
        """Plain JSON, references as written."""
        document: dict[str, Any] = {
            "channels": {name: section_json(item) for name, item in self.channels.items()}
        }
        if self.rules is not None:
            document["rules"] = {name: section_json(item) for name, item in self.rules.items()}
        return document


NO_ALERTS: Final = AlertSettings({}, None)


class InvalidAlerts(AuthorError):
    """A document of alerts has faults; ``faults`` lists them all."""

    code = "alerts_invalid"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the document of alerts has faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class AlertsResult:
    """What a check found; ``settings`` None where there are faults."""

    settings: AlertSettings | None
    faults: list[Fault]
    warnings: list[Fault]
    loaded: Loaded


def check_alerts(
    text: str,
    file: str,
    *,
    lookup: Callable[[str], str | None] | None = None,
    integrations: Iterable[str] | None = None,
) -> AlertsResult:
    """Read and check the text of alerts.yaml; never raises. ``lookup`` as in
    ``check_connections``; ``integrations``: the names that there are. An empty file holds no
    channels."""
    loaded = load_document(text, file)
    if loaded.document is None:
        empty = all(fault.code == "document_empty" for fault in loaded.faults)
        return AlertsResult(
            NO_ALERTS if empty else None, [] if empty else loaded.faults, [], loaded
        )
    return _check(loaded, lookup, integrations)


def check_alerts_document(
    document: Any,
    *,
    lookup: Callable[[str], str | None] | None = None,
    integrations: Iterable[str] | None = None,
) -> AlertsResult:
    """The same of a document that is JSON already (REST, or as stored)."""
    loaded = Loaded("", document, {"": (0, 0)}, {}, {}, [])
    return _check(loaded, lookup, integrations)


def parse_alerts(document: Any) -> AlertSettings:
    """A document as it is stored. Raises InvalidAlerts."""
    result = check_alerts_document(document)
    if result.settings is None:
        raise InvalidAlerts(result.faults)
    return result.settings


def parse_channel(document: dict[str, Any]) -> Channel:
    """A channel of which every reference was put in; secrets may hold anything. Raises
    InvalidAlerts."""
    findings = Findings()
    kind = next(kind for name, kind in KINDS.items() if name in document)
    channel = _read(kind, document, "", findings)
    if channel is None:
        raise InvalidAlerts(place(findings.faults, Loaded("", document, {"": (0, 0)}, {}, {}, [])))
    return channel


def section_json(section: Section) -> dict[str, Any]:
    """A channel or a rule as it is written: plain JSON, references as written."""
    return section.model_dump(by_alias=True, exclude_unset=True)


def _check(
    loaded: Loaded,
    lookup: Callable[[str], str | None] | None,
    integrations: Iterable[str] | None,
) -> AlertsResult:
    findings = Findings()
    document = loaded.document
    if isinstance(document, dict):
        for key in document:
            if key not in ("channels", "rules"):
                hint = did_you_mean(key, ("channels", "rules"))
                findings.fault_at_key(
                    child("", key), "unknown_key", f"there is no key {key} here", hint
                )
    else:
        findings.fault("", "wrong_type", "alerts.yaml is a mapping with channels and rules")
    channels = _channels(mapping(document).get("channels"), lookup, findings)
    written = mapping(document).get("rules")
    rules = None if written is None else _rules(written, findings)
    _check_names(mapping(document), rules or {}, integrations, findings)
    faults = loaded.faults + place(findings.faults, loaded)
    faults.sort(key=lambda fault: (fault.line, fault.column))
    settings = None if faults else AlertSettings(channels, rules)
    return AlertsResult(settings, faults, place(findings.warnings, loaded), loaded)


def _named(value: Any, pointer: str, findings: Findings) -> dict[str, Any]:
    """The entries of a mapping of names; what is wrong with it or with a name is noted."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        findings.fault(pointer, "wrong_type", "must be a mapping of names")
        return {}
    if len(value) > MOST:
        findings.fault(pointer, "out_of_range", f"must have at most {MOST} entries")
        return {}
    for name in value:
        if not _NAME.fullmatch(name):
            findings.fault_at_key(child(pointer, name), "name_invalid", _NAME_RULE)
    return value


def _channels(
    value: Any, lookup: Callable[[str], str | None] | None, findings: Findings
) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    for name, document in _named(value, "/channels", findings).items():
        pointer = child("/channels", name)
        present = [kind for kind in KINDS if kind in mapping(document)]
        if len(present) != 1:
            detail = "a channel is a mapping with exactly one of email, slack and webhook"
            near = [did_you_mean(key, KINDS) for key in mapping(document)]
            hint = next((hint for hint in near if hint.startswith("did")), "")
            findings.fault(pointer, "one_of", detail, hint)
            continue
        check_references(document, pointer, lookup, findings)
        channel = _read(KINDS[present[0]], document, pointer, findings)
        if channel is not None:
            channels[name] = channel
            _warn(channel, pointer, findings)
    return channels


def _rules(value: Any, findings: Findings) -> dict[str, AlertRule]:
    rules: dict[str, AlertRule] = {}
    for name, document in _named(value, "/rules", findings).items():
        pointer = child("/rules", name)
        rule = _read(AlertRule, document, pointer, findings)
        if rule is None:
            continue
        rules[name] = rule
        for key, event in _OF_EVENT.items():
            if key in mapping(document) and rule.event != event:
                detail = f"{key} is for the event {event}"
                findings.fault_at_key(child(pointer, key), "not_allowed", detail)
        if rule.event in OF_NODES and "integrations" in mapping(document):
            detail = f"{rule.event} is about nodes and not about integrations"
            findings.fault_at_key(child(pointer, "integrations"), "not_allowed", detail)
    return rules


def _read(kind: type[S], document: Any, pointer: str, findings: Findings) -> S | None:
    reading = Reading()
    try:
        return kind.model_validate(document, context=reading)
    except ValidationError as error:
        findings.faults += [
            Finding(pointer + item.pointer, item.code, item.detail, item.hint, item.at_key)
            for item in model_findings(error, document, reading)
        ]
        return None


def _check_names(
    document: dict[str, Any],
    rules: dict[str, AlertRule],
    integrations: Iterable[str] | None,
    findings: Findings,
) -> None:
    """Channels and integrations that rules name."""
    channels = list(mapping(document.get("channels")))
    known = None if integrations is None else list(integrations)
    for name, rule in rules.items():
        for index, channel in enumerate(rule.channels or ()):
            if channel not in channels:
                pointer = child("/rules", name, "channels", index)
                detail = f"there is no channel {channel}"
                findings.fault(pointer, "channel_unknown", detail, did_you_mean(channel, channels))
        for index, integration in enumerate(rule.integrations or ()):
            if known is not None and integration not in known:
                pointer = child("/rules", name, "integrations", index)
                detail = f"there is no integration {integration}"
                hint = did_you_mean(integration, known)
                findings.warning(pointer, "integration_unknown", detail, hint)


def _warn(channel: Channel, pointer: str, findings: Findings) -> None:
    """Of secrets that stand in the file itself, or go over the network in clear."""
    hint = "take it from a secret: ${NAME}"
    kept: dict[str, str | None] = {}
    if isinstance(channel, EmailChannel):
        kept = {"password": channel.password}
        if channel.tls == "none" and channel.user is not None:
            detail = "user and password are sent without TLS"
            findings.warning(child(pointer, "tls"), "url_in_clear", detail)
    elif isinstance(channel, SlackChannel):
        kept = {"slack": channel.slack}
    else:
        kept = {"secret": channel.secret}
    for key, text in kept.items():
        if text is not None and "${" not in text:
            detail = "a secret stands in the file itself"
            findings.warning(child(pointer, key), "secret_in_clear", detail, hint)
