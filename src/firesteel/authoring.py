"""What authors of Python workflows write with: ``@workflow``, ``@step``, ``Message``, ``Response``.

This module knows nothing of the worker that runs them: a ``@step`` looks for the current execution
in a context variable, which the worker sets; where there is none, as in a unit test, the function
simply runs. It imports the standard library only, so that ``import firesteel`` stays light.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

P = ParamSpec("P")
R = TypeVar("R")
Pairs = Sequence[tuple[str, str]]

WORKFLOW_MARK = "__firesteel_workflow__"
STEP_MARK = "__firesteel_step__"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A function marked with ``@step``; ``name`` is the first part of its place in the journal."""

    function: Callable[..., Any]
    name: str


class CurrentExecution(Protocol):
    """What the worker puts into the context of an execution."""

    async def run_step(
        self, step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run an async step, or return its journaled result."""
        ...

    def run_plain_step(
        self, step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The same for a plain ``def``, called in a thread."""
        ...

    def write(self, text: str) -> None:
        """Keep what was printed or logged."""
        ...


current_execution: ContextVar[CurrentExecution | None] = ContextVar(
    "firesteel_execution", default=None
)


class Message:
    """One accepted call, as a workflow sees it. Nothing of it can be changed.

    A worker fills it from what was received; in a test it is made with the values that matter:
    ``Message(query={"item": "A-100"}, consumer="web shop")``.
    """

    __slots__ = ("_values",)

    def __init__(  # noqa: PLR0913  # one for each attribute, all by name
        self,
        *,
        id: str = "0" * 32,
        sequence: int = 1,
        received_at: datetime = _EPOCH,
        method: str = "POST",
        path: str = "/",
        query: Mapping[str, Any] = MappingProxyType({}),
        query_pairs: Pairs = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        header_pairs: Pairs = (),
        body: bytes = b"",
        content_type: str | None = None,
        consumer: str | None = None,
        attempt: int = 1,
    ) -> None:
        self._values: dict[str, Any] = {
            "id": id,
            "sequence": sequence,
            "received_at": received_at,
            "method": method,
            "path": path,
            "query": dict(query),
            "query_pairs": tuple(query_pairs) or _pairs(query),
            "headers": dict(headers),
            "header_pairs": tuple(header_pairs) or _pairs(headers),
            "body": body,
            "content_type": content_type or headers.get("content-type"),
            "consumer": consumer,
            "attempt": attempt,
        }

    @property
    def id(self) -> str:
        """The message's public id, as in ``Firesteel-Message-Id``."""
        return cast("str", self._value("id"))

    @property
    def sequence(self) -> int:
        """Its number in its trigger: 1, 2, 3, ... in the order of acceptance."""
        return cast("int", self._value("sequence"))

    @property
    def received_at(self) -> datetime:
        """When it was received, in UTC."""
        return cast("datetime", self._value("received_at"))

    @property
    def method(self) -> str:
        """The HTTP method, in upper case."""
        return cast("str", self._value("method"))

    @property
    def path(self) -> str:
        """The path of the URL as received."""
        return cast("str", self._value("path"))

    @property
    def query(self) -> dict[str, Any]:
        """Declared parameters typed and with their defaults; others as text, a list if repeated."""
        return cast("dict[str, Any]", self._value("query"))

    @property
    def query_pairs(self) -> tuple[tuple[str, str], ...]:
        """All query parameters as received, decoded, in their order and number."""
        return cast("tuple[tuple[str, str], ...]", self._value("query_pairs"))

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name; repeated ones joined with ", " (RFC 9110, section 5.3)."""
        return cast("dict[str, str]", self._value("headers"))

    @property
    def header_pairs(self) -> tuple[tuple[str, str], ...]:
        """All headers but credentials, in their order and number, names in lower case."""
        return cast("tuple[tuple[str, str], ...]", self._value("header_pairs"))

    @property
    def body(self) -> bytes:
        """The bytes received."""
        return cast("bytes", self._value("body"))

    @property
    def content_type(self) -> str | None:
        """The Content-Type header with its parameters, None where there is none."""
        return cast("str | None", self._value("content_type"))

    @property
    def consumer(self) -> str | None:
        """The label of the API key that called; None on an open trigger."""
        return cast("str | None", self._value("consumer"))

    @property
    def attempt(self) -> int:
        """Which attempt of the execution this is, from 1."""
        return cast("int", self._value("attempt"))

    def values(self) -> dict[str, Any]:
        """Those attributes that are read already, by name; of a message made in a test, all."""
        return dict(self._values)

    def __repr__(self) -> str:
        return f"<Message {self.id} sequence={self.sequence} {self.method} {self.path}>"

    def _value(self, name: str) -> Any:
        return self._values[name]


@dataclass(frozen=True, slots=True)
class Response:
    """What the caller gets: a ``body`` of any kind that a workflow may return, with a status and
    headers. ``Response({"customer_no": 7}, status=201)``."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@overload
def workflow(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def workflow() -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def workflow(function: Callable[..., Any] | None = None, /) -> Any:
    """Mark a function, ``async def`` or plain ``def``, as a workflow. It takes nothing, the input
    alone, or the input and ``message``; the type of the input is checked where it is annotated."""
    if function is None:
        return workflow
    setattr(function, WORKFLOW_MARK, True)
    return function


@overload
def step(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(*, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def step(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Mark a function, ``async def`` or plain ``def``, as a step: its result is journaled, so that
    it is done once per execution, also after a crash or a retry.

    ``name`` is its name in the journal, by default that of the function. The result may be anything
    JSON-like, bytes, Decimal, a date, or what the return annotation says: a data class or a
    pydantic model.
    """
    if function is None:
        return functools.partial(_as_step, name=name)
    return _as_step(function, name=name)


def _as_step(function: Callable[..., Any], *, name: str | None) -> Callable[..., Any]:
    definition = StepDefinition(function, name or function.__name__)
    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            execution = current_execution.get()
            if execution is None:
                return await function(*args, **kwargs)
            return await execution.run_step(definition, args, kwargs)

        wrapper = run_async
    else:

        @functools.wraps(function)
        def run_plain(*args: Any, **kwargs: Any) -> Any:
            execution = current_execution.get()
            if execution is None:
                return function(*args, **kwargs)
            return execution.run_plain_step(definition, args, kwargs)

        wrapper = run_plain
    setattr(wrapper, STEP_MARK, definition)
    return wrapper


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in values.items())
