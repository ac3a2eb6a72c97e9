"""A received message, decoded no further than somebody asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from firesteel.authoring import Message
from firesteel.model.body import parse_body
from firesteel.model.execution import Failure, InputFault
from firesteel.model.message import decode_request
from firesteel.model.parameters import InvalidParameters
from firesteel.worker.failures import StepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model import message as model
    from firesteel.model.body import ParsedBody
    from firesteel.model.message import Request
    from firesteel.model.parameters import ParameterRules, Query

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReceivedMessage(Message):
    """The message of an attempt. ``request`` and ``read_query`` are for data processing, too."""

    __slots__ = ("_attempt", "_parsed", "_query", "_received", "_request", "_rules")

    def __init__(self, received: model.Message, attempt: int, rules: ParameterRules) -> None:
        self._values = {}
        self._received = received
        self._attempt = attempt
        self._rules = rules
        self._request: Request | None = None
        self._query: Query | None = None
        self._parsed: ParsedBody | None = None

    def taking(self, values: Message) -> ReceivedMessage:
        """This message with every value of ``values`` in place of its own: for tests."""
        self._values = values.values()
        return self

    @property
    def received(self) -> model.Message:
        """The message as the engine sent it."""
        return self._received

    @property
    def request(self) -> Request:
        """What was received beside the body."""
        if self._request is None:
            self._request = decode_request(self._received.request)
        return self._request

    def read_query(self) -> Query:
        """The query parameters by the rules of this version. Raises StepError ``input_invalid``:
        a replay may use a newer document than the one that accepted the message."""
        if self._query is None:
            try:
                self._query = self._rules.read(self.request.raw_query)
            except InvalidParameters as error:
                faults = [
                    InputFault(f"/query/{fault.parameter}", fault.code, fault.detail)
                    for fault in error.faults
                ]
                text = "the query parameters are not as the document declares them now"
                failure = Failure("permanent", "input_invalid", text, None, faults)
                raise StepError(failure) from error
        return self._query

    def parsed_body(self) -> Any:
        """The body by its content type, None where there is none or it cannot be parsed."""
        return self.parse_body().body

    def parse_body(self) -> ParsedBody:
        """The body as data processing sees it; parsed once."""
        if self._parsed is None:
            self._parsed = parse_body(self.content_type, self._received.body)
        return self._parsed

    def _value(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = _READ[name](self)
        return self._values[name]

    def content_type_header(self) -> str | None:
        """The Content-Type as received."""
        value = self.request.header(b"content-type")
        return None if value is None else value.decode("latin-1")

    def received_time(self) -> datetime:
        """When it was received, in UTC, exact to the microsecond."""
        return _EPOCH + timedelta(microseconds=self._received.received_at_us)

    def pairs_of_headers(self) -> tuple[tuple[str, str], ...]:
        """Latin-1 loses no byte (RFC 9110, section 5.5)."""
        return tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.request.headers
        )

    def attempt_number(self) -> int:
        """From 1."""
        return self._attempt


def _headers(message: ReceivedMessage) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in message.header_pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


_READ: dict[str, Callable[[ReceivedMessage], Any]] = {
    "id": lambda message: message.received.id,
    "sequence": lambda message: message.received.sequence,
    "received_at": ReceivedMessage.received_time,
    "method": lambda message: message.request.method,
    "path": lambda message: message.request.path,
    "query": lambda message: message.read_query().values,
    "query_pairs": lambda message: tuple(message.read_query().pairs),
    "headers": _headers,
    "header_pairs": ReceivedMessage.pairs_of_headers,
    "body": lambda message: message.received.body,
    "content_type": ReceivedMessage.content_type_header,
    "consumer": lambda message: message.received.consumer,
    "attempt": ReceivedMessage.attempt_number,
}
