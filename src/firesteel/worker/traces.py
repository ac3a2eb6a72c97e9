"""Spans of attempts and steps, exported by OpenTelemetry where a node is told to (``traces``).

Needs the extra ``firesteel[otel]``; imported where traces are on, and nowhere else. A span is made
when it has ended, and handed to a bounded queue, which a thread empties: no attempt waits for a
collector, and what finds no room is dropped. Spans hold names, ids and codes, nothing of a payload,
and no text of an error. Functions of users find their step's span as the current one, so that what
they record with OpenTelemetry belongs to it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from firesteel.release import release
from firesteel.worker.failures import failure_of
from firesteel.worker.trace_context import (
    TraceContext,
    attempt_span_id,
    receive_span_id,
    step_span_id,
    trace_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextvars import Token

    from firesteel.model import frames
    from firesteel.model.execution import Failure
    from firesteel.model.message import Request

PATH: Final = "/v1/traces"
FLUSH_MS: Final = 2000
_SENT_AFTER_MS: Final = 1000
_CLIENTS: Final = frozenset({"http", "sql"})
_SAMPLED: Final = trace.TraceFlags(trace.TraceFlags.SAMPLED)


class Traces:
    """Of one worker process. ``endpoint``: what the collector's address begins with; empty: as
    OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_...) say."""

    def __init__(self, endpoint: str) -> None:
        url = endpoint.rstrip("/") + PATH if endpoint else None
        self._exporting = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=url), schedule_delay_millis=_SENT_AFTER_MS
        )
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say stands above this.
        given = Resource.create({"service.version": release()})
        if str(given.attributes.get("service.name", "")).startswith("unknown_service"):
            given = given.merge(Resource({"service.name": "firesteel"}))
        self._provider = TracerProvider(resource=given, shutdown_on_exit=False)
        self._provider.add_span_processor(self._exporting)
        trace.set_tracer_provider(self._provider)
        self._scope = InstrumentationScope("firesteel", release())

    def attempt(self, run: frames.Run, names: tuple[str, str], request: Request) -> AttemptSpans:
        """Of an attempt that begins; ``names``: workspace and integration."""
        return AttemptSpans(self, run, names, trace_of(request, run.message.id))

    def sampled(self, context: TraceContext) -> bool:
        """Whether its spans are exported: as the caller says, else as OTEL_TRACES_SAMPLER does."""
        parent = None
        if context.parent_id:
            flags = trace.TraceFlags(int(context.sampled))
            caller = _span_context(context.trace_id, context.parent_id, flags, remote=True)
            parent = trace.set_span_in_context(trace.NonRecordingSpan(caller))
        trace_id = int(context.trace_id, 16)
        decision = self._provider.sampler.should_sample(parent, trace_id, "").decision
        return decision is Decision.RECORD_AND_SAMPLE

    def export(self, span: ReadableSpan) -> None:
        """Hand it to the queue."""
        self._exporting.on_end(span)

    def flush(self) -> None:
        """Send what is in the queue, for two seconds at most; not in the event loop."""
        self._exporting.force_flush(FLUSH_MS)

    def span(  # noqa: PLR0913  # all but two are named at the call
        self,
        name: str,
        own: trace.SpanContext,
        *,
        parent: trace.SpanContext | None,
        kind: trace.SpanKind,
        began_ns: int,
        attributes: Mapping[str, str | int],
        failure: Failure | None = None,
    ) -> ReadableSpan:
        """One that has just ended."""
        given = dict(attributes)
        status = trace.Status()
        if failure is not None:
            given["error.type"] = failure.code
            status = trace.Status(trace.StatusCode.ERROR)
        return ReadableSpan(
            name,
            context=own,
            parent=parent,
            resource=self._provider.resource,
            attributes=given,
            kind=kind,
            status=status,
            start_time=began_ns,
            end_time=max(time.time_ns(), began_ns),
            instrumentation_scope=self._scope,
        )


class AttemptSpans:
    """The spans of one attempt: made by ``Traces.attempt``, begun, and ended once."""

    def __init__(
        self, traces: Traces, run: frames.Run, names: tuple[str, str], context: TraceContext
    ) -> None:
        self._traces = traces
        self._run = run
        self._trace = context
        self._sampled = traces.sampled(context)
        self._began_ns = 0
        workspace, self._integration = names
        self._attributes: dict[str, str | int] = {
            "firesteel.workspace": workspace,
            "firesteel.integration": self._integration,
            "firesteel.message_id": run.message.id,
            "firesteel.execution_id": run.execution,
            "firesteel.attempt": run.attempt,
        }
        self._received = self._context(receive_span_id(run.message.id))
        self._own = self._context(attempt_span_id(run.execution, run.attempt))

    def begin(self) -> None:
        """In the task of the attempt: it is the current span from here on."""
        self._began_ns = time.time_ns()
        _use(self._own)
        if self._sampled and self._run.attempt == 1 and self._run.execution.endswith("-1"):
            self._export_receiving()

    def end(self, failure: Failure | None) -> None:
        """The attempt has ended."""
        if self._sampled:
            span = self._traces.span(
                f"attempt {self._integration}",
                self._own,
                parent=self._received,
                kind=trace.SpanKind.INTERNAL,
                began_ns=self._began_ns,
                attributes=self._attributes,
                failure=failure,
            )
            self._traces.export(span)

    @contextmanager
    def step(self, place: str, kind: str) -> Iterator[None]:
        """A step, for as long as it is done; it is the current span meanwhile."""
        began_ns, parent = time.time_ns(), trace.get_current_span().get_span_context()
        own = self._context(step_span_id(self._run.execution, self._run.attempt, place))
        token = _use(own)
        failure: Failure | None = None
        try:
            yield
        except BaseException as error:
            failure = failure_of(error)
            raise
        finally:
            otel_context.detach(token)
            if self._sampled:
                span = self._traces.span(
                    f"{kind} {place}",
                    own,
                    parent=parent,
                    kind=trace.SpanKind.CLIENT if kind in _CLIENTS else trace.SpanKind.INTERNAL,
                    began_ns=began_ns,
                    attributes={
                        **self._attributes,
                        "firesteel.step": place,
                        "firesteel.step.kind": kind,
                    },
                    failure=failure,
                )
                self._traces.export(span)

    def _export_receiving(self) -> None:
        """From the acceptance to here, where the message waited for its turn."""
        caller = None
        if self._trace.parent_id:
            caller = _span_context(
                self._trace.trace_id, self._trace.parent_id, _SAMPLED, remote=True
            )
        span = self._traces.span(
            f"receive {self._integration}",
            self._received,
            parent=caller,
            kind=trace.SpanKind.SERVER,
            began_ns=self._run.message.received_at_us * 1000,
            attributes=self._attributes,
        )
        self._traces.export(span)

    def _context(self, span_id: str) -> trace.SpanContext:
        flags = _SAMPLED if self._sampled else trace.TraceFlags()
        return _span_context(self._trace.trace_id, span_id, flags, remote=False)


def _use(context: trace.SpanContext) -> Token[otel_context.Context]:
    return otel_context.attach(trace.set_span_in_context(trace.NonRecordingSpan(context)))


def _span_context(
    trace_id: str, span_id: str, flags: trace.TraceFlags, *, remote: bool
) -> trace.SpanContext:
    return trace.SpanContext(int(trace_id, 16), int(span_id, 16), remote, flags)
