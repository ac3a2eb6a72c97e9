"""A collector of traces: takes what an OpenTelemetry exporter posts, and tells the spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import wait_until

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

PATH = "/v1/traces"
SERVER, CLIENT, INTERNAL = 2, 3, 1
FAILED = 2


@dataclass(frozen=True)
class Span:
    """Ids in hexadecimal; ``parent`` empty: it has none."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    status: int
    began_ns: int
    ended_ns: int
    attributes: dict[str, str | int]
    service: str


class Collector:
    """On a server of the test."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        server.reply(PATH, Reply(200))

    @property
    def url(self) -> str:
        return self._server.url

    def spans(self) -> list[Span]:
        """All that have come."""
        return [
            span
            for received in list(self._server.received)
            if received.path == PATH
            for span in _read(received.body)
        ]

    def until(self, trace: str, names: list[str]) -> dict[str, Span]:
        """The spans of a trace by name, as soon as these have come; no other may come with them."""

        def found() -> list[Span] | None:
            own = [span for span in self.spans() if span.trace == trace]
            return own if len(own) >= len(names) else None

        own: list[Span] = wait_until(found)
        assert sorted(span.name for span in own) == sorted(names)
        return {span.name: span for span in own}


def _read(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.kind,
            span.status.code,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            {pair.key: _value(pair) for pair in span.attributes},
            next(
                pair.value.string_value
                for pair in resource.resource.attributes
                if pair.key == "service.name"
            ),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _value(pair: KeyValue) -> str | int:
    value = pair.value
    return value.int_value if value.HasField("int_value") else value.string_value
