"""The sample on which an editing page shows what comes of it: a stored message or a pasted call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData, QueryParams

from firesteel.admin import shapes
from firesteel.admin.access import Access
from firesteel.admin.resources.messages import list_messages
from firesteel.engine.engine import Engine

MESSAGES: Final = 20
PASTED: Final = ""
_FIELDS: Final = ("method", "query", "type", "headers", "body", "index")


@dataclass(frozen=True, slots=True)
class SampleForm:
    """What the sample's part of a form shows. ``chosen``: id of a message, or PASTED. ``given``: by
    the address or the form, so that what the browser remembers does not go before it."""

    messages: list[shapes.MessageSummaryShape]
    chosen: str
    given: bool
    fields: dict[str, str]
    may_see: bool


async def sample_form(
    engine: Engine,
    access: Access,
    names: tuple[str, str],
    given: FormData | QueryParams,
    document: dict[str, Any],
) -> SampleForm:
    """The trigger's last messages to choose from, and what was chosen or typed."""
    workspace, name = names
    may_see = "payloads" in access.rights
    messages: list[shapes.MessageSummaryShape] = []
    if may_see:
        query = shapes.MessagesQuery(integration=name, limit=MESSAGES)
        messages = (await list_messages(workspace, query, engine, access)).items
    first = messages[0].id if messages else PASTED
    chosen = str(given.get("sample", first)) if may_see else PASTED
    fields = {key: str(given.get(f"sample.{key}", "")) for key in _FIELDS}
    fields["method"] = fields["method"] or _method(document)
    fields["type"] = fields["type"] or "application/json"
    return SampleForm(messages, chosen, "sample" in given, fields, may_see)


def sample_of(form: FormData) -> dict[str, Any]:
    """The part of a ``shapes_trials.TrialShape`` that says on what it stands."""
    typed = {key: str(form.get(f"sample.{key}", "")) for key in _FIELDS}
    index = int(typed["index"]) if typed["index"].isdecimal() else 0
    stands: dict[str, Any] = {"index": index, "results": str(form.get("results") or "{}")}
    chosen = str(form.get("sample", PASTED))
    if chosen != PASTED:
        return stands | {"message": chosen}
    headers = [
        (name.strip(), value.strip())
        for name, _, value in (line.partition(":") for line in typed["headers"].splitlines())
        if name.strip()
    ]
    sample = {
        "method": typed["method"] or "POST",
        "query": typed["query"],
        "headers": headers,
        "content_type": typed["type"] or None,
        "body": typed["body"],
    }
    return stands | {"sample": sample}


def _method(document: dict[str, Any]) -> str:
    methods = (document.get("trigger") or {}).get("methods") or ["POST"]
    return "POST" if "POST" in methods else str(methods[0])
