"""A message as text for people: request, executions with their steps and attempts, response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.output import painted

_SHORT = 300


def message_lines(message: dict[str, Any], *, full: bool) -> Iterator[str]:
    """The lines that ``firesteel messages show`` prints; ``full``: nothing is cut."""
    yield painted(f"Message {message['id']}", "bold")
    yield f"  integration  {message['integration']}, sequence {message['sequence']}"
    yield f"  consumer     {message['consumer'] or '-'}"
    if message.get("let_in_by"):  # an older node does not tell
        yield f"  let in by    {message['let_in_by']}"
    yield f"  received     {_time(message['received_at'])}"
    request = message["request"]
    if request is None:
        yield "  request      no longer kept, or not yours to see"
    else:
        query = f"?{request['query']}" if request["query"] else ""
        yield f"  request      {request['method']} {request['path']}{query}"
        yield from (f"               {name}: {value}" for name, value in request["headers"])
        yield from _payload("body", request["body"], full=full)
    for execution in message["executions"]:
        yield ""
        yield from _execution(execution, full=full)


def _execution(item: dict[str, Any], *, full: bool) -> Iterator[str]:
    state = painted(item["state"], item["state"])
    title = painted(f"Run {item['run']}", "bold")
    yield f"{title}: {state}, version {item['version']}, attempts {item['attempts']}"
    yield from _why(item)
    if item["settled_at"]:
        yield f"  settled      {_time(item['settled_at'])}"
    for attempt in item["failed_attempts"]:
        yield f"  attempt {attempt['attempt']}    {_failure(attempt['failure'])}"
    if item["input"]:
        yield from _payload("input", item["input"], full=full)
    for step in item["steps"]:
        took_ms = _milliseconds(step["started_at"], step["ended_at"])
        shown = _cut(json.dumps(step["result"], ensure_ascii=False), full=full)
        yield f"  step         {step['step']} ({step['kind']}, {took_ms} ms): {shown}"
    if item["failure"]:
        yield f"  failure      {_failure(item['failure'])}"
        yield from _more_of(item["failure"], full=full)
    if item["response"]:
        yield f"  response     {item['response']['status']}"
        yield from _payload("body", item["response"]["body"], full=full)
    if item["logs"]:
        yield "  logs"
        yield from (f"    {line}" for line in _cut(item["logs"], full=full).splitlines())


def _why(item: dict[str, Any]) -> Iterator[str]:
    if item["reason"] == "turn" and item["waits_for"]:
        yield f"  waits        for its turn behind message {item['waits_for']}"
    elif item["reason"] == "retry_at" and item["due_at"]:
        yield f"  waits        for its retry at {_time(item['due_at'])}"
    elif item["reason"]:
        yield f"  waits        {item['reason']}"
    if item["ended_by"]:
        why = f": {item['ended_why']}" if item["ended_why"] else ""
        yield f"  ended by     {item['ended_by']}{why}"


def _more_of(failure: dict[str, Any], *, full: bool) -> Iterator[str]:
    yield from (f"               {one['pointer']}: {one['detail']}" for one in failure["faults"])
    trace = failure["trace"].splitlines()
    if full:
        yield from (f"    {line}" for line in trace)
    elif failure["code"] == "sql_failed":
        # What the database said, which the failure itself does not repeat.
        said = (line for line in trace if line and line[0] != " " and not line.endswith(":"))
        yield from (f"               {_cut(line, full=False)}" for line in islice(said, 1))


def _failure(failure: dict[str, Any] | None) -> str:
    if failure is None:
        return "handed back"
    step = f" in step {failure['step']}" if failure["step"] else ""
    return f"{failure['kind']} {failure['code']}{step}: {failure['detail']}"


def _payload(title: str, payload: dict[str, Any], *, full: bool) -> Iterator[str]:
    if not payload["size_bytes"]:
        return
    if payload["text"] is None:
        encoded = _cut(payload["base64"], full=full)
        yield f"  {title:<12} {payload['size_bytes']} bytes, base64 {encoded}"
        return
    lines = _cut(payload["text"], full=full).splitlines()
    yield f"  {title:<12} {lines[0] if lines else ''}"
    yield from (f"               {line}" for line in lines[1:])


def _cut(text: str, *, full: bool) -> str:
    if full or len(text) <= _SHORT:
        return text
    return f"{text[:_SHORT]}... ({len(text)} characters; --full shows all)"


def _time(text: str) -> str:
    return text.replace("T", " ")


def _milliseconds(start: str, end: str) -> int:
    took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(took.total_seconds() * 1000)


def search_condition(text: str | None) -> tuple[str | None, str | None]:
    """Name and value of ``--search name=value``. Raises CommandFailed ``usage``."""
    if text is None:
        return None, None
    name, separator, value = text.partition("=")
    if not separator:
        raise CommandFailed("--search is written name=value", exit_code=Exit.USAGE, code="usage")
    return name, value
