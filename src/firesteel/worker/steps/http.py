"""The ``http`` step: one call of another system, with its answer read by content type."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from firesteel.errors import AuthorError
from firesteel.model.body import parse_body
from firesteel.model.execution import Failure
from firesteel.model.json_exact import dumps
from firesteel.model.template import Expression as ExpressionPart
from firesteel.model.template import split
from firesteel.worker.expressions import compile_expression
from firesteel.worker.failures import StepError, status_is_transient
from firesteel.worker.http_call import HttpAnswer, HttpCall, climbs
from firesteel.worker.mapping import as_text, compile_document
from firesteel.worker.steps.run import Work
from firesteel.worker.trace_context import step_span_id, trace_of

if TYPE_CHECKING:
    from firesteel.model.execution import ErrorKind
    from firesteel.model.steps import HttpStep
    from firesteel.worker.expressions import Expression
    from firesteel.worker.mapping import Template
    from firesteel.worker.steps.scope import Scope

_STRUCTURED = re.compile("json|xml", re.IGNORECASE)
_BODIES = ("json_", "form", "text", "base64")
_CONTENT_TYPES = {
    "json_": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
    "base64": "application/octet-stream",
}


class HttpValueInvalid(AuthorError):
    """A value of the step cannot be part of a call."""

    code = "http_call_invalid"


class PathTemplate:
    """A path or URL in whose text values are inserted percent-encoded, so that a value can neither
    end the path nor leave it. A path that is one expression alone is taken as it is."""

    def __init__(self, text: str) -> None:
        self._parts: list[str | Expression] = [
            compile_expression(part.source) if isinstance(part, ExpressionPart) else part
            for part in split(text)
        ]

    def evaluate(self, context: dict[str, Any]) -> str:
        """The path, as it is sent."""
        if len(self._parts) == 1 and not isinstance(self._parts[0], str):
            return as_text(self._parts[0].evaluate(context))
        text = "".join(
            part if isinstance(part, str) else quote(as_text(part.evaluate(context)), safe="")
            for part in self._parts
        )
        if climbs(text):
            raise HttpValueInvalid("a path has no . and .. as segments")
        return text


class HttpWork(Work):
    """Raises AuthorError where an expression does not compile."""

    kind = "http"
    journaled = True

    def __init__(self, step: HttpStep) -> None:
        self._connection = step.connection
        self._method = step.method
        self._target = PathTemplate(step.url or step.path or "")
        self._query = compile_document(step.query)
        self._headers = compile_document(step.headers)
        self._body_kind = next((kind for kind in _BODIES if getattr(step, kind) is not None), None)
        self._body: Template | None = None
        if self._body_kind is not None:
            self._body = compile_document(getattr(step, self._body_kind))
        self._expect = [_range(text) for text in step.expect]
        self._whole = step.result == "response"

    async def do(self, scope: Scope, place: str) -> Any:
        """The parsed body (of other types the text, or base64), or the whole response."""
        call = self._call(scope, place)
        async with scope.attempt.connections.http(self._connection) as client:
            scope.attempt.journal.check_lease()
            answer = await client.call(call)
        if not any(low <= answer.status <= high for low, high in self._expect):
            raise StepError(_status_failure(answer, place))
        return self._result(answer)

    def _call(self, scope: Scope, place: str) -> HttpCall:
        context = scope.context
        target = self._target.evaluate(context)
        query = urlencode(_pairs(self._query.evaluate(context)))
        if query:
            target += ("&" if "?" in target else "?") + query
        own = [(name, as_text(value)) for name, value in _pairs(self._headers.evaluate(context))]
        names = {name.lower() for name, _ in own}
        body = self._content(context)
        headers = [
            ("idempotency-key", f"{scope.attempt.execution}:{place}"),
            *trace_headers(scope, place),
        ]
        if self._body_kind is not None:
            headers.append(("content-type", _CONTENT_TYPES[self._body_kind]))
        headers = [pair for pair in headers if pair[0] not in names]
        return HttpCall(self._method, target, headers + own, body)

    def _content(self, context: dict[str, Any]) -> bytes | None:
        if self._body is None:
            return None
        value = self._body.evaluate(context)
        if self._body_kind == "json_":
            return dumps(value)
        if self._body_kind == "form":
            return urlencode(_pairs(value)).encode()
        if self._body_kind == "text":
            return as_text(value).encode()
        try:
            return base64.b64decode(as_text(value), validate=True)
        except binascii.Error as error:
            raise HttpValueInvalid("base64 holds no base64") from error

    def _result(self, answer: HttpAnswer) -> Any:
        parsed = parse_body(answer.headers.get("content-type"), answer.body)
        if not self._whole:
            if not parsed.body_error:
                return parsed.body
            if _STRUCTURED.search(answer.headers.get("content-type", "")):
                text = f"the answer cannot be parsed: {parsed.body_error}"
                raise StepError(Failure("unknown", "http_answer_invalid", text))
            text_or_none = parsed.body_text
            return parsed.body_base64 if text_or_none is None else text_or_none
        return {
            "status": answer.status,
            "headers": answer.headers,
            "body": parsed.body,
            "body_text": parsed.body_text,
            "body_base64": parsed.body_base64 if parsed.body_text is None else None,
            "body_error": parsed.body_error,
        }


def trace_headers(scope: Scope, place: str) -> list[tuple[str, str]]:
    """The caller's trace where there is one, else the message's own; the step is the parent of what
    it calls."""
    attempt = scope.attempt
    trace = trace_of(attempt.request, attempt.message.id)
    span_id = step_span_id(attempt.execution, attempt.message.attempt, place)
    headers = [("traceparent", f"00-{trace.trace_id}-{span_id}-{trace.sampled:02d}")]
    return [*headers, ("tracestate", trace.state)] if trace.state else headers


def _status_failure(answer: HttpAnswer, place: str) -> Failure:
    transient = status_is_transient(answer.status)
    text = f"the other system answered {answer.status}"
    body = answer.body[:2000].decode("utf-8", "replace")
    kind: ErrorKind = "transient" if transient else "permanent"
    return Failure(kind, "http_status", text, answer.retry_after_s, [], place, body)


def _pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    """One pair a value, several for a list; null is left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        items = value if isinstance(value, list) else [value]
        pairs.extend((name, as_text(item)) for item in items if item is not None)
    return pairs


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)
