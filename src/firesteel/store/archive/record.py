"""A message as the archive keeps it: one JSON object with all that the store had of it, in the
form in which the REST API shows a message to who may see payloads.

What was redacted before storing is redacted here; credential headers were never stored.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from firesteel.model.execution import Failure, JournalEntry, Response
from firesteel.model.message import Message, Request, decode_request
from firesteel.model.step_result import as_json, decode_result
from firesteel.store.history import Attempt, ExecutionDetail
from firesteel.store.journal import Edit

FORMAT: Final = 1
KEPT, PURGED, ERASED = "kept", "purged", "erased"


def record_of(
    executions: Sequence[ExecutionDetail], search: Mapping[str, str], now_us: int
) -> dict[str, Any]:
    """Of a message with all its executions, the original first; ``search``: its search values."""
    first, received = executions[0].summary, executions[0].message
    erased = executions[0].erased_at_us
    kept = PURGED if received is None else KEPT
    runs = {item.summary.execution_no: item.summary.run for item in executions}
    return {
        "format": FORMAT,
        "id": first.message_id,
        "workspace": first.workspace,
        "integration": first.integration,
        "sequence": first.sequence,
        "received_at": time_text(first.received_at_us),
        "consumer": first.consumer,
        "let_in_by": None if received is None else _decoded(received).way or None,
        "lane": first.lane_key,
        "search": dict(search),
        "payload": ERASED if erased is not None else kept,
        "archived_at": time_text(now_us),
        "request": None if received is None else _request(received),
        "executions": [_execution(item, runs) for item in executions],
    }


def encoded(record: Mapping[str, Any]) -> bytes:
    """As one line."""
    return msgspec.json.encode(record)


def decoded(line: bytes) -> dict[str, Any]:
    """The opposite of ``encoded``. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=dict[str, Any])


def without_payload(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of an erased message (decision 0045): that it was, when, and how it ended."""
    left = dict.fromkeys(("consumer", "let_in_by", "lane", "request"))
    executions = [
        {
            **execution,
            **dict.fromkeys(("input", "edited", "response", "ended_by", "ended_why")),
            "logs": "",
            "steps": [],
            "failed_attempts": [],
            "failure": _code_only(execution["failure"]),
        }
        for execution in record["executions"]
    ]
    return {**record, **left, "search": {}, "payload": ERASED, "executions": executions}


def body_of(record: Mapping[str, Any]) -> bytes | None:
    """The body as it was received; None where it was purged or erased."""
    if record["request"] is None:
        return None
    kept = record["request"]["body"]
    text = kept["text"]
    return base64.b64decode(kept["base64"]) if text is None else text.encode()


def time_text(at_us: int) -> str:
    """RFC 3339, in UTC, to the microsecond."""
    whole, part = divmod(at_us, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part:06}Z"


def time_us(text: str) -> int:
    """The opposite of ``time_text``."""
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond


def _execution(item: ExecutionDetail, runs: Mapping[int, int]) -> dict[str, Any]:
    summary = item.summary
    return {
        "run": summary.run,
        "version": summary.version,
        "state": summary.state.value,
        "attempts": summary.attempts,
        "settled_at": None if summary.settled_at_us is None else time_text(summary.settled_at_us),
        "reason": None,
        "replay_of": None if item.replay_of is None else runs.get(item.replay_of),
        "ended_by": item.ended_by,
        "ended_why": item.ended_why,
        "code_hash": item.code_hash,
        "failure": _failure(summary.failure),
        "input": _bytes(item.input) if item.input else None,
        "edited": None if item.edit is None else _edit(item.edit),
        "steps": [_step(entry) for entry in item.journal],
        "failed_attempts": [_attempt(one) for one in item.attempts],
        "logs": item.logs,
        "response": None if item.response is None else _response(item.response),
    }


def _decoded(item: Message) -> Request:
    try:
        return decode_request(item.request)
    except msgspec.DecodeError:  # it must not keep the others from the archive
        return Request("", "", item.request, [])


def _request(item: Message) -> dict[str, Any]:
    request = _decoded(item)
    return {
        "method": request.method,
        "path": request.path,
        "query": request.raw_query.decode("latin-1"),
        "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in request.headers],
        "body": _bytes(item.body),
    }


def _step(entry: JournalEntry) -> dict[str, Any]:
    return {
        "step": entry.step,
        "kind": entry.kind,
        "attempt": entry.attempt,
        "started_at": time_text(entry.started_at_us),
        "ended_at": time_text(entry.ended_at_us),
        "input": _journaled(entry.input),
        "result": _journaled(entry.result),
    }


def _attempt(item: Attempt) -> dict[str, Any]:
    return {
        "attempt": item.attempt,
        "started_at": time_text(item.started_at_us),
        "ended_at": time_text(item.ended_at_us),
        "failure": _failure(item.failure),
        "logs": item.logs,
    }


def _failure(item: Failure | None) -> dict[str, Any] | None:
    return None if item is None else msgspec.structs.asdict(item) | {"faults": _faults(item)}


def _faults(item: Failure) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(fault) for fault in item.faults]


def _code_only(failure: Mapping[str, Any] | None) -> dict[str, Any] | None:
    texts = {"detail": "", "faults": [], "trace": ""}
    return None if failure is None else {**failure, **texts}


def _response(item: Response) -> dict[str, Any]:
    headers = [list(pair) for pair in item.headers]
    return {"status": item.status, "headers": headers, "body": _bytes(item.body)}


def _edit(item: Edit) -> dict[str, Any]:
    request = None if item.request is None else decode_request(item.request)
    return {
        "query": None if request is None else request.raw_query.decode("latin-1"),
        "body": None if item.body is None else _bytes(item.body),
        "input": None if item.input is None else _bytes(item.input),
    }


def _bytes(data: bytes) -> dict[str, Any]:
    """As text where it is UTF-8; every byte is there either way."""
    try:
        return {"size_bytes": len(data), "text": data.decode(), "base64": None}
    except UnicodeDecodeError:
        encoded_bytes = base64.b64encode(data).decode()
        return {"size_bytes": len(data), "text": None, "base64": encoded_bytes}


def _journaled(data: bytes) -> Any:
    """What a worker wrote of a step, as JSON; as base64 where it cannot be read."""
    if not data:
        return None
    try:
        return as_json(decode_result(data))
    except (msgspec.DecodeError, ValueError):
        return base64.b64encode(data).decode()
