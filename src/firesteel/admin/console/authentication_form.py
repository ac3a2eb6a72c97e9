"""Ways to authenticate in the form of the trigger page, beside API keys: what the form makes of
them, and how they are shown in it. A way that the form has no fields for is kept as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firesteel.model.authentication import MetaHandshake
from firesteel.model.findings import items, mapping
from firesteel.model.held_keys import UNDECIDED, asks_for_keys, is_key

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from firesteel.admin.console.draft import Editing

KINDS: Final = {
    "api_key": "ApiKeys",
    "signature": "Signature",
    "basic": "User and password",
    "jwt": "JSON Web Token",
    "client_certificate": "Client certificate",
}
PRESETS: Final = (
    ("standard_webhooks", "Standard Webhooks"),
    ("github", "GitHub"),
    ("stripe", "Stripe"),
    ("shopify", "Shopify"),
    ("slack", "Slack"),
    ("twilio", "Twilio"),
    ("own", "another one"),
)
HANDSHAKES: Final = (
    ("slack", "Slack", "url_verification, behind its signature"),
    ("microsoft_graph", "Microsoft Graph", "validationToken"),
    ("cloudevents", "CloudEvents", "OPTIONS with WebHook-Request-Origin"),
)
_OWN: Final = ("header", "algorithm", "encoding", "prefix", "timestamp_header", "signed")
_FIELDS: Final = {
    "signature": ("label", "preset", "secrets", *_OWN, "tolerance"),
    "basic": ("label", "username", "password"),
    "jwt": (
        "label",
        "issuer",
        "audience",
        "jwks_url",
        "secret",
        "algorithms",
        "leeway",
        "consumer",
    ),
    "client_certificate": ("label", "fingerprint", "subject", "san"),
}
_TELLING: Final = {
    "signature": ("preset",),
    "basic": ("username",),
    "jwt": ("issuer", "secret"),
    "client_certificate": ("san", "subject", "fingerprint"),
}
"""What tells most of a way beside its label; the first that is there."""
_LISTS: Final = ("secrets", "algorithms")
_NEW: Final[dict[str, dict[str, Any]]] = {"signature": {"preset": "standard_webhooks"}}
_FORM_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class WayView:
    """One way as its fields hold it; ``kind`` empty: there are no fields for it. ``written``: JSON
    of it as it stands in the document. ``brief``: whose it is and by what, for the line that it is
    folded into. ``fault`` and ``warning`` are of all of it."""

    kind: str
    title: str
    brief: str
    fields: dict[str, str]
    written: str
    fault: str
    warning: str


def declared(old: dict[str, Any], form: FormData) -> list[Any]:
    """``authentication`` as the form says it. The keys, where they are asked for, stand where they
    stood."""
    ways = [_way(form, f"a{number}_") for number in range(_count(form))]
    if not form.get("authentication"):
        return ways
    listed = items(old.get("authentication"))
    keys = [item for item in listed if is_key(item)] or [UNDECIDED]
    first = next((place for place, item in enumerate(listed) if is_key(item)), len(ways))
    return [*ways[:first], *keys, *ways[first:]]


def with_way(trigger: dict[str, Any], act: str) -> list[Any] | None:
    """``authentication`` after a button such as ``add-basic``, ``add-api_key``, ``remove-api_key``
    or ``remove-way-2``; None for any other."""
    listed = list(items(trigger.get("authentication")))
    verb, _, what = act.partition("-")
    if verb == "add" and what == "api_key":
        return listed if any(map(is_key, listed)) else [UNDECIDED, *listed]
    if verb == "add" and what in _FIELDS:
        return [*listed, {what: dict(_NEW.get(what, {}))}]
    if act == "remove-api_key":
        return [item for item in listed if not is_key(item)]
    if act.startswith("remove-way-") and act[11:].isdecimal():
        ways = [item for item in listed if not is_key(item)]
        gone = ways[int(act[11:]) : int(act[11:]) + 1]
        return [item for item in listed if not any(item is one for one in gone)]
    return None


def views(editing: Editing, held: int) -> list[WayView]:
    """Of the document that is edited; ``held``: how many API keys the trigger has, each of which
    counts as an item where faults are told, as consumers do."""
    trigger = mapping(editing.document.get("trigger"))
    listed = items(trigger.get("authentication"))
    held += sum("consumer" in mapping(item) for item in listed)
    found, place, placed = [], 0, False
    for item in listed:
        if is_key(item):
            place += 0 if placed else max(held, 1)
            placed = True
            continue
        pointer = f"/trigger/authentication/{place}"
        found.append(_view(item, editing.fault(pointer), editing.warning(pointer)))
        place += 1
    return found


def handshakes(form: FormData) -> list[Any]:
    """``handshakes`` as the form says it."""
    chosen = form.getlist("handshake")
    found: list[Any] = [name for name, _, _ in HANDSHAKES if name in chosen]
    token = str(form.get("verify_token") or "").strip()
    if "meta" in chosen:
        found.append({"meta": {"verify_token": token} if token else {}})
    return found


def verify_token(trigger: dict[str, Any]) -> str | None:
    """The token of Meta's handshake as it is written; None where there is none of it."""
    for item in items(trigger.get("handshakes")):
        if isinstance(item, dict) and set(item) == set(MetaHandshake.keys()):
            return _text(mapping(item["meta"]).get("verify_token"))
    return None


def guarded(document: dict[str, Any]) -> bool:
    """Whether calls need credentials of any kind."""
    ways = _ways(mapping(document.get("trigger")))
    return bool(ways) or asks_for_keys(document)


def _ways(trigger: dict[str, Any]) -> list[Any]:
    return [item for item in items(trigger.get("authentication")) if not is_key(item)]


def _way(form: FormData, at: str) -> Any:
    kind = str(form.get(at + "kind") or "")
    try:
        old = json.loads(str(form.get(at + "written") or "{}"))
    except (ValueError, RecursionError):
        old = {}
    if kind not in _FIELDS:
        return old
    was = mapping(mapping(old).get(kind))
    found = {key: value for key in _FIELDS[kind] if (value := _value(form, at, key)) is not None}
    if found.get("preset") == "own":
        del found["preset"]
    elif kind == "signature":
        found = {key: value for key, value in found.items() if key not in _OWN}
    # Unchanged fields stay as they were written, in their order.
    same = {key: was[key] for key in was if key in found and _text(was[key]) == _text(found[key])}
    return {kind: {**same, **{key: value for key, value in found.items() if key not in same}}}


def _value(form: FormData, at: str, key: str) -> Any:
    text = str(form.get(at + key) or "").replace("\r\n", "\n").strip()
    if not text:
        return None
    if key in _LISTS:
        return [part.strip() for part in text.replace(",", "\n").split("\n") if part.strip()]
    return text


def _view(item: Any, fault: str, warning: str) -> WayView:
    written, text = mapping(item), json.dumps(item, ensure_ascii=False)
    kind = next(iter(written)) if len(written) == 1 else ""
    if kind not in _FIELDS or not isinstance(written[kind], dict):
        return WayView("", kind or "Another way", "", {}, text, fault, warning)
    way = written[kind]
    fields = {key: _text(way.get(key)) for key in _FIELDS[kind]}
    if kind == "signature" and not fields["preset"]:
        fields["preset"] = "own"
    return WayView(kind, KINDS[kind], _brief(kind, fields), fields, text, fault, warning)


def _brief(kind: str, fields: dict[str, str]) -> str:
    by = next((fields[key] for key in _TELLING[kind] if fields[key]), "")
    if kind == "signature":
        by = fields["header"] if by == "own" else dict(PRESETS).get(by, by)
    return ", ".join(filter(None, dict.fromkeys((fields["label"], by))))


def _count(form: FormData) -> int:
    text = str(form.get("ways") or "")
    return min(int(text), _FORM_MOST) if text.isdecimal() and len(text) < 4 else 0


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return "" if value is None else str(value)
