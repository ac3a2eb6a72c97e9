"""Query parameters of a call: decoded, typed, defaults filled in, every fault found at once.

The rules are those of docs/reference/integration-file.md, "Query values". Decoding is that of HTML
forms (application/x-www-form-urlencoded: ``&`` between pairs, ``+`` is a space), but strict: an
escape that is not one, or bytes that are not UTF-8, are faults. Faults never show what was sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from firesteel.errors import CallerError
from firesteel.model.section import is_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.trigger import ParameterType, QueryParameter, Trigger

MAX_PAIRS: Final = 1000
MAX_DIGITS: Final = 4300
MAX_EXPONENT: Final = 308

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?([0-9]+))?", re.ASCII)
_BOOLEAN = {"true": True, "false": False, "1": True, "0": False}
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Query(msgspec.Struct, frozen=True, gc=False):
    """``values``: declared parameters by name (str, int, Decimal, bool; a date is its text
    ``YYYY-MM-DD``; a list where ``many``), then undeclared ones as texts, a list if repeated.
    ``pairs``: all as received, decoded. Both are the caller's own and may be altered.
    """

    values: dict[str, Any]
    pairs: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """One fault; ``code`` is of ``problem.FAULTS``. ``parameter`` is the declared name, and empty
    where the fault is not of a declared parameter, for what was sent is not repeated.
    """

    parameter: str
    code: str
    detail: str


class InvalidParameters(CallerError):
    """The query string cannot be taken; ``faults`` lists everything that is wrong with it."""

    code = "invalid_parameters"

    def __init__(self, faults: list[ParameterFault]) -> None:
        super().__init__("the query parameters are not as declared")
        self.faults = faults


def read_integer(text: str) -> int:
    """``-?[0-9]+`` in ASCII, of any size up to 4,300 digits; ValueError otherwise."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("must be an integer, such as 12")
    if len(text) > MAX_DIGITS:
        raise ValueError(f"must have at most {MAX_DIGITS} digits")
    return int(text)


def read_number(text: str) -> Decimal:
    """A number as JSON writes it, exact; magnitudes past 1e308 and below 1e-308 are ValueErrors."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("must be a number as in JSON, such as 12.5")
    if len(text) > MAX_DIGITS:
        raise ValueError(f"must have at most {MAX_DIGITS} digits")
    # The exponent is looked at before Decimal sees it: 1e999999999 costs nothing to write.
    if len((match.group(1) or "").lstrip("0")) > 4:
        raise ValueError("must be a number from 1e-308 to 1e308")
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("must be a number from 1e-308 to 1e308")
    return number


def read_boolean(text: str) -> bool:
    """``true``, ``false``, ``1`` or ``0``; ValueError otherwise."""
    value = _BOOLEAN.get(text)
    if value is None:
        raise ValueError("must be true, false, 1 or 0")
    return value


def read_date(text: str) -> str:
    """``YYYY-MM-DD`` of a day that exists, as it is; ValueError otherwise."""
    if not is_date(text):
        raise ValueError("must be a date, written YYYY-MM-DD")
    return text


READERS: dict[ParameterType, Callable[[str], Any]] = {
    "string": str,
    "integer": read_integer,
    "number": read_number,
    "boolean": read_boolean,
    "date": read_date,
}


def declared_value(value: Any, type_: ParameterType) -> Any:
    """An item of ``default`` or ``enum`` as ``Query.values`` holds it; ValueError says what it must
    be. Numbers of the document become Decimals by their shortest text.
    """
    if type_ == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if type_ == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(value if isinstance(value, int) else repr(value))
    if type_ == "boolean" and isinstance(value, bool):
        return value
    if type_ == "string" and isinstance(value, str):
        return value
    if type_ == "date" and is_date(value):
        return value
    wanted = {
        "string": "a text",
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "date": "a date, written YYYY-MM-DD",
    }
    raise ValueError(f"must be {wanted[type_]}")


class _Declared(msgspec.Struct, frozen=True):
    """A declared parameter, ready for use."""

    name: str
    read: Callable[[str], Any]
    required: bool
    many: bool
    enum: frozenset[Any] | None
    allowed: str


class ParameterRules:
    """The query parameters of one trigger; made by ``compile_parameters``."""

    __slots__ = ("_by_name", "_declared", "_defaults", "_lists", "_reject", "_required")

    def __init__(
        self, declared: list[_Declared], defaults: dict[str, Any], *, reject: bool
    ) -> None:
        self._declared = declared
        self._by_name = {rule.name: rule for rule in declared}
        self._defaults = defaults
        self._lists = [name for name, value in defaults.items() if isinstance(value, list)]
        self._required = any(rule.required for rule in declared)
        self._reject = reject

    def read(self, raw_query: bytes) -> Query:
        """The parameters of ``raw_query``, the bytes between ``?`` and the URL's end.

        Raises InvalidParameters with all faults.
        """
        if not raw_query and not self._required:
            return Query(self._filled(), [])
        faults: list[ParameterFault] = []
        pairs, unread = _pairs(raw_query, faults)
        received: dict[str, list[str]] = {}
        for name, value in pairs:
            received.setdefault(name, []).append(value)
        values = self._filled()
        for rule in self._declared:
            sent = received.pop(rule.name, None)
            if sent is not None:
                values[rule.name] = _value(rule, sent, faults)
            elif rule.required and rule.name not in unread:
                faults.append(ParameterFault(rule.name, "missing", "is required"))
        if received:
            self._undeclared(received, values, faults)
        if faults:
            raise InvalidParameters(faults)
        return Query(values, pairs)

    def _filled(self) -> dict[str, Any]:
        values = dict(self._defaults)
        for name in self._lists:
            values[name] = list(values[name])
        return values

    def _undeclared(
        self,
        received: dict[str, list[str]],
        values: dict[str, Any],
        faults: list[ParameterFault],
    ) -> None:
        if not self._reject:
            for name, sent in received.items():
                values[name] = sent[0] if len(sent) == 1 else sent
            return
        known = ", ".join(self._by_name) or "none"
        number = "a parameter that is" if len(received) == 1 else f"{len(received)} that are"
        detail = f"the query string holds {number} not declared; declared: {known}"
        faults.append(ParameterFault("", "undeclared", detail))


def compile_parameters(trigger: Trigger) -> ParameterRules:
    """The rules of a trigger whose document has been checked; ValueError where a default or enum
    does not fit its type.
    """
    declared = [_compile(parameter) for parameter in trigger.query_parameters]
    defaults: dict[str, Any] = {}
    for parameter in trigger.query_parameters:
        default = parameter.default
        if isinstance(default, list):
            defaults[parameter.name] = [declared_value(item, parameter.type) for item in default]
        elif default is not None:
            defaults[parameter.name] = declared_value(default, parameter.type)
    return ParameterRules(declared, defaults, reject=trigger.undeclared == "reject")


def _compile(parameter: QueryParameter) -> _Declared:
    enum, allowed = None, ""
    if parameter.enum is not None:
        enum = frozenset(declared_value(item, parameter.type) for item in parameter.enum)
        allowed = ", ".join(_shown(item) for item in parameter.enum)
    read = READERS[parameter.type]
    return _Declared(parameter.name, read, parameter.required, parameter.many, enum, allowed)


def _shown(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


def _value(rule: _Declared, sent: list[str], faults: list[ParameterFault]) -> Any:
    """What the texts sent for a parameter mean; adds to ``faults`` where they mean nothing."""
    if rule.many:
        return [_single(rule, text, faults) for text in sent]
    if len(sent) > 1:
        detail = f"was sent {len(sent)} times and may be sent once"
        faults.append(ParameterFault(rule.name, "repeated", detail))
        return None
    return _single(rule, sent[0], faults)


def _single(rule: _Declared, text: str, faults: list[ParameterFault]) -> Any:
    try:
        value = rule.read(text)
    except ValueError as error:
        faults.append(ParameterFault(rule.name, "wrong_type", str(error)))
        return None
    if rule.enum is not None and value not in rule.enum:
        detail = f"must be one of {rule.allowed}"
        faults.append(ParameterFault(rule.name, "not_in_enum", detail))
    return value


def _pairs(
    raw_query: bytes, faults: list[ParameterFault]
) -> tuple[list[tuple[str, str]], set[str]]:
    """The decoded pairs, and the names of those whose value cannot be decoded: these are left out
    and are faults. Raises InvalidParameters for too many, of which none is read."""
    pairs: list[tuple[str, str]] = []
    unread: set[str] = set()
    if not raw_query:
        return pairs, unread
    segments = raw_query.split(b"&")
    if len(segments) > MAX_PAIRS:
        detail = f"the query string holds more than {MAX_PAIRS} parameters"
        raise InvalidParameters([ParameterFault("", "too_many", detail)])
    for number, segment in enumerate(segments, 1):
        if not segment:
            continue
        raw_name, _, raw_value = segment.partition(b"=")
        name = ""
        try:
            name = _decoded(raw_name)
            pairs.append((name, _decoded(raw_value)))
        except ValueError:
            unread.add(name)
            detail = f"parameter {number} of the query string is not percent-encoded UTF-8"
            faults.append(ParameterFault("", "not_utf8", detail))
    return pairs, unread


def _decoded(text: bytes) -> str:
    """Raises ValueError (UnicodeDecodeError is one)."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        if _BAD_ESCAPE.search(text):
            raise ValueError("not an escape")
        text = unquote_to_bytes(text)
    return text.decode()
