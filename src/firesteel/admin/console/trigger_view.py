"""What the trigger page shows of a document, whatever state its draft is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firesteel.admin.console.authentication_form import (
    WayView,
    guarded,
    verify_token,
    views,
)
from firesteel.admin.console.trigger_form import (
    DEFAULT_KEY,
    DEFAULT_MAX_AGE,
    DEFAULT_METHODS,
    DEFAULT_TIMEOUT,
    DEFAULT_WINDOW,
    shown,
    shown_schema,
)
from firesteel.model.cors import DEFAULT_HEADERS
from firesteel.model.findings import items, mapping
from firesteel.model.held_keys import asks_for_keys
from firesteel.model.quantities import parse_duration
from firesteel.model.senders import Sender, less_patient

if TYPE_CHECKING:
    from firesteel.admin.console.draft import Editing


@dataclass(frozen=True, slots=True)
class ParameterView:
    """A query parameter as its fields hold it. ``fault`` and ``warning`` are of all of it."""

    name: str
    type: str
    required: bool
    default: str
    enum: str
    many: bool
    description: str
    fault: str
    warning: str


@dataclass(frozen=True, slots=True)
class TriggerView:
    """The fields of the page; texts as they are written in the document, "" where it has none."""

    methods: list[str]
    authentication: bool
    """API keys are asked for."""
    guarded: bool
    """Credentials of some kind are."""
    ways: list[WayView]
    allowed_addresses: str
    handshakes: list[str]
    verify_token: str
    cors: bool
    cors_origins: str
    cors_headers: str
    cors_expose: str
    cors_credentials: bool
    cors_max_age: str
    ordered: bool
    ordered_key: str
    ordered_length: str
    on_failure: str
    request_response: bool
    timeout: str
    on_timeout: str
    less_patient: list[Sender]
    parameters: list[ParameterView]
    undeclared: str
    body: str
    schema: str
    concurrency: str
    max_body: str
    max_waiting: str
    rate: str
    burst: str
    per: str
    idempotency: bool
    idempotency_key: str
    window: str
    history: str
    payloads: str
    search: str
    redact: str
    advanced: bool
    """Something in the advanced part differs from its default, or is wrong."""


_ADVANCED = (
    "allowed_addresses",
    "handshakes",
    "cors",
    "undeclared",
    "body",
    "concurrency",
    "rate_limit",
    "max_body",
    "max_waiting",
    "idempotency",
)


def view(editing: Editing, held: int) -> TriggerView:
    """Of the document that is edited; ``held``: how many API keys the trigger has."""
    document = editing.document
    trigger = mapping(document.get("trigger"))
    ordered, waits = trigger.get("ordered_delivery"), trigger.get("request_response")
    rate, idempotency = trigger.get("rate_limit"), trigger.get("idempotency")
    cors = trigger.get("cors")
    retention, body = mapping(document.get("retention")), trigger.get("body", "any")
    timeout = _text(mapping(waits).get("timeout", DEFAULT_TIMEOUT))
    return TriggerView(
        methods=list(items(trigger.get("methods", list(DEFAULT_METHODS)))),
        authentication=asks_for_keys(document),
        guarded=guarded(document),
        ways=views(editing, held),
        allowed_addresses="\n".join(map(_text, items(trigger.get("allowed_addresses")))),
        handshakes=_handshakes(trigger),
        verify_token=verify_token(trigger) or "",
        cors=cors is not None,
        cors_origins="\n".join(map(_text, items(mapping(cors).get("origins")))),
        cors_headers=", ".join(
            map(_text, items(mapping(cors).get("headers")) or list(DEFAULT_HEADERS))
        ),
        cors_expose=", ".join(map(_text, items(mapping(cors).get("expose")))),
        cors_credentials=mapping(cors).get("credentials") is True,
        cors_max_age=_text(mapping(cors).get("max_age", DEFAULT_MAX_AGE)),
        ordered=ordered not in (None, False),
        ordered_key=_text(mapping(ordered).get("key")),
        ordered_length=_text(mapping(ordered).get("max_length")),
        on_failure=_text(mapping(ordered).get("on_failure", "continue")) if ordered else "",
        request_response=waits not in (None, False),
        timeout=timeout,
        on_timeout=_text(mapping(waits).get("on_timeout", "error")),
        less_patient=_less_patient(timeout) if waits else [],
        parameters=_parameters(editing, items(trigger.get("query_parameters"))),
        undeclared=_text(trigger.get("undeclared", "keep")),
        body="schema" if isinstance(body, dict) else _text(body),
        schema=shown_schema(body),
        concurrency=_text(trigger.get("concurrency")),
        max_body=_text(trigger.get("max_body")),
        max_waiting=_text(trigger.get("max_waiting")),
        rate=_text(mapping(rate).get("rate") if isinstance(rate, dict) else rate),
        burst=_text(mapping(rate).get("burst")),
        per=_text(mapping(rate).get("per", "consumer")),
        idempotency=idempotency is not False,
        idempotency_key=_text(mapping(idempotency).get("key", DEFAULT_KEY)),
        window=_text(mapping(idempotency).get("window", DEFAULT_WINDOW)),
        history=_text(retention.get("history")),
        payloads=_text(retention.get("payloads")),
        search=_search(document),
        redact="\n".join(map(_text, items(document.get("redact")))),
        advanced=_is_advanced(editing, trigger, document),
    )


def _parameters(editing: Editing, declared: list[Any]) -> list[ParameterView]:
    views = []
    for number, item in enumerate(map(mapping, declared)):
        pointer = f"/trigger/query_parameters/{number}"
        views.append(
            ParameterView(
                name=_text(item.get("name")),
                type=_text(item.get("type", "string")),
                required=item.get("required") is True,
                default=shown(item.get("default")),
                enum=shown(item.get("enum")),
                many=item.get("many") is True,
                description=_text(item.get("description")),
                fault=editing.fault(pointer),
                warning=editing.warning(pointer),
            )
        )
    return views


def _handshakes(trigger: dict[str, Any]) -> list[str]:
    named = [item for item in items(trigger.get("handshakes")) if isinstance(item, str)]
    return [*named, "meta"] if verify_token(trigger) is not None else named


def _less_patient(timeout: str) -> list[Sender]:
    try:
        return less_patient(parse_duration(timeout))
    except ValueError:
        return []


def _search(document: dict[str, Any]) -> str:
    names = mapping(document.get("search"))
    return "\n".join(f"{name}: {_text(path)}" for name, path in names.items())


def _is_advanced(editing: Editing, trigger: dict[str, Any], document: dict[str, Any]) -> bool:
    pointers = [f"/trigger/{key}" for key in _ADVANCED] + ["/search", "/redact", "/retention"]
    wrong = any(editing.fault(pointer) for pointer in pointers)
    return wrong or any(key in trigger for key in _ADVANCED) or "retention" in document


def _text(value: Any) -> str:
    return "" if value is None else str(value)
