"""Documents with expressions in them, the data that data processing sees, and the response.

Undefined: in an object the key is left out, alone and in a list it is null, within text it is
nothing. Within text a number keeps every digit, and an object or list is JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from firesteel.authoring import Response as AuthoredResponse
from firesteel.errors import AuthorError
from firesteel.model.execution import Response
from firesteel.model.json_exact import NotJson, dumps
from firesteel.model.response_headers import (
    BODILESS_STATUSES,
    header_name_fault,
    header_value_fault,
)
from firesteel.model.template import TemplateError, split
from firesteel.worker.expressions import (
    DEFAULT_LIMITS,
    Expression,
    ExpressionSyntax,
    compile_expression,
)
from firesteel.worker.expressions.limits import Budget
from firesteel.worker.expressions.values import Deferred, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.integration import ResponseTemplate
    from firesteel.worker.message import ReceivedMessage

MAX_BODY_BYTES: Final = 100 * 1024 * 1024
MAX_HEADERS: Final = 100
MAX_HEADERS_BYTES: Final = 32 * 1024

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"

UNDEFINED: Final = object()


class ResponseInvalid(AuthorError):
    """A response that cannot be sent: its status, a header, or a body that is no JSON."""

    code = "response_invalid"


class Template(Protocol):
    """A compiled document."""

    def evaluate(self, context: dict[str, Any], undefined: Any = None) -> Any:
        """The document as JSON; ``undefined`` where it is one expression that has no value.

        Raises ExpressionFailed, ExpressionLimit, ExpressionPrecision.
        """
        ...


def compile_document(document: Any) -> Template:
    """The template of a JSON document with ``{% expr %}`` in its texts. Raises ExpressionSyntax."""
    if isinstance(document, str):
        return _compile_text(document)
    if isinstance(document, dict):
        return _Object({name: compile_document(item) for name, item in document.items()})
    if isinstance(document, list):
        return _List([compile_document(item) for item in document])
    return _Constant(document)


def as_text(value: Any) -> str:
    """A value as it is inserted into text: null as nothing, numbers with every digit, objects and
    lists as JSON.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else text_of(value, Budget(DEFAULT_LIMITS))


def data_processing_context(message: ReceivedMessage) -> dict[str, Any]:
    """What data processing sees; parts are read when an expression first names them."""
    body = Deferred(message.parse_body)
    return {
        "method": message.method,
        "query": Deferred(lambda: message.query),
        "headers": Deferred(lambda: message.headers),
        "body": Deferred(lambda: body.value().body),
        "body_text": Deferred(lambda: body.value().body_text),
        "body_base64": Deferred(lambda: body.value().body_base64),
        "body_error": Deferred(lambda: body.value().body_error),
        "message": {
            "id": message.id,
            "sequence": message.sequence,
            "received_at": Deferred(lambda: message.received_at.isoformat().replace("+00:00", "Z")),
            "consumer": message.consumer,
        },
    }


class CompiledResponse:
    """The ``response`` of an integration; made by ``compile_response``."""

    __slots__ = ("_body", "_headers", "_status", "_text")

    def __init__(self, response: ResponseTemplate) -> None:
        self._status = compile_document(response.status)
        self._headers = compile_document(response.headers)
        self._text = None if response.text is None else compile_document(response.text)
        self._body = None if response.body is None else compile_document(response.body)

    def render(self, context: dict[str, Any], result: Any) -> Response:
        """See ``render_response``."""
        status = _status(self._status.evaluate(context))
        headers = _headers(self._headers.evaluate(context))
        if self._text is not None:
            body, kind = as_text(self._text.evaluate(context)).encode(), _TEXT
        elif self._body is not None:
            body, kind = dumps(self._body.evaluate(context)), _JSON
        else:
            body, kind = _written(_own_body(result))
        return _response(status, headers, (body, kind))


def compile_response(response: ResponseTemplate | None) -> CompiledResponse | None:
    """The document's ``response``, once a version. Raises ExpressionSyntax."""
    return None if response is None else CompiledResponse(response)


def render_response(
    template: CompiledResponse | None, context: dict[str, Any], result: Any
) -> Response:
    """What the caller gets: by the template where there is one, else of the workflow's result.

    A result that is a str is text/plain, bytes are application/octet-stream, None is 204, all else
    is JSON; ``firesteel.Response`` sets status and headers. A template without body and text sends
    the result's. Raises ResponseInvalid and what expressions raise.
    """
    try:
        if template is not None:
            return template.render(context, result)
        if isinstance(result, AuthoredResponse):
            own = _written(result.body)
            return _response(_status(result.status), _headers(result.headers), own)
        return _response(204 if result is None else 200, [], _written(result))
    except NotJson as error:
        raise ResponseInvalid(f"the response is not JSON: {error}") from error
    except UnicodeEncodeError as error:
        raise ResponseInvalid("a text of the response has half a surrogate pair") from error


def result_of_steps(result: Any) -> Any:
    """The last step's result is answered as JSON; only what a Python workflow returns as a str is
    text."""
    if isinstance(result, str):
        return AuthoredResponse(dumps(result), headers={"content-type": _JSON})
    return result


def _own_body(result: Any) -> Any:
    return result.body if isinstance(result, AuthoredResponse) else result


def _written(value: Any) -> tuple[bytes, str]:
    """Body and content type of a result."""
    if value is None:
        return b"", ""
    if isinstance(value, str):
        return value.encode(), _TEXT
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), _BYTES
    return dumps(value), _JSON


def _response(status: int, headers: list[tuple[str, str]], written: tuple[bytes, str]) -> Response:
    body, content_type = written
    if status in BODILESS_STATUSES:
        return Response(status, [pair for pair in headers if pair[0] != "content-type"], b"")
    if len(body) > MAX_BODY_BYTES:
        raise ResponseInvalid(f"the body of the response is over {MAX_BODY_BYTES} bytes")
    if content_type and not any(name == "content-type" for name, _ in headers):
        headers = [("content-type", content_type), *headers]
    return Response(status, headers, body)


def _status(value: Any) -> int:
    number = (
        int(value) if isinstance(value, str) and re.fullmatch("[1-9][0-9]{2}", value) else value
    )
    if isinstance(number, int) and not isinstance(number, bool) and 200 <= number <= 599:
        return number
    raise ResponseInvalid("the status of the response is not a number from 200 to 599")


def _headers(values: Any) -> list[tuple[str, str]]:
    """Header pairs of a mapping: a list sends one several times, null leaves it out."""
    if not isinstance(values, Mapping):
        raise ResponseInvalid("the headers of the response are not an object")
    headers = [
        (_header_name(name), _header_value(str(name), item))
        for name, value in values.items()
        for item in (value if isinstance(value, list | tuple) else [value])
        if item is not None
    ]
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    if len(headers) > MAX_HEADERS or size > MAX_HEADERS_BYTES:
        raise ResponseInvalid("the response has over 100 headers, or over 32 KiB of them")
    return headers


def _header_name(name: Any) -> str:
    lower = str(name).lower()
    fault = header_name_fault(lower)
    if fault:
        raise ResponseInvalid(fault)
    return lower


def _header_value(name: str, value: Any) -> str:
    text = as_text(value).strip(" \t")
    fault = header_value_fault(name, text)
    if fault:
        raise ResponseInvalid(fault)
    return text


def _compile_text(text: str) -> Template:
    try:
        parts = split(text)
    except TemplateError as error:
        raise ExpressionSyntax(str(error)) from error
    compiled = [
        part if isinstance(part, str) else compile_expression(part.source) for part in parts
    ]
    if len(compiled) == 1 and isinstance(compiled[0], Expression):
        return _Alone(compiled[0])
    if not any(isinstance(part, Expression) for part in compiled):
        return _Constant(text)
    return _Text(compiled)


class _Constant:
    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def evaluate(self, context: dict[str, Any], undefined: Any = None) -> Any:
        return self._value


class _Alone:
    """One expression, which keeps its type."""

    __slots__ = ("_evaluate",)

    def __init__(self, expression: Expression) -> None:
        self._evaluate: Callable[..., Any] = expression.evaluate

    def evaluate(self, context: dict[str, Any], undefined: Any = None) -> Any:
        return self._evaluate(context, undefined=undefined)


class _Text:
    """Expressions within text."""

    __slots__ = ("_parts",)

    def __init__(self, parts: list[str | Expression]) -> None:
        self._parts = parts

    def evaluate(self, context: dict[str, Any], undefined: Any = None) -> str:
        return "".join(
            part if isinstance(part, str) else as_text(part.evaluate(context))
            for part in self._parts
        )


class _Object:
    __slots__ = ("_members",)

    def __init__(self, members: dict[str, Template]) -> None:
        self._members = members

    def evaluate(self, context: dict[str, Any], undefined: Any = None) -> Any:
        values = (
            (name, template.evaluate(context, UNDEFINED))
            for name, template in self._members.items()
        )
        return {name: value for name, value in values if value is not UNDEFINED}


class _List:
    __slots__ = ("_items",)

    def __init__(self, items: list[Template]) -> None:
        self._items = items

    def evaluate(self, context: dict[str, Any], undefined: Any = None) -> Any:
        return [template.evaluate(context) for template in self._items]
