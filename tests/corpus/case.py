"""One bad, odd or borderline input, and the one answer that it has, whatever the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from tests.support.node import KEY

# Stands in what is sent wherever a case has room for it, and never in a problem.
CANARY = "Canary7Zq"

Headers = tuple[tuple[str | bytes, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """``to``: the trigger, or the request target where it begins with ``/``. ``body``: None where
    none is sent, and the method is GET where it is left out. ``seen``: what the workflow saw, by
    dotted path. ``code``: of the problem; ``faults``: the codes of its ``errors``. ``again``: the
    call is made twice, and the second is the first one's duplicate or a call of its own.
    """

    name: str
    to: str | bytes = "Seen"
    method: str = ""
    headers: Headers = ()
    body: bytes | None = None
    chunked: bool = False
    key: str | bytes | None = KEY
    status: int = 200
    code: str = ""
    faults: frozenset[str] = frozenset()
    seen: Mapping[str, Any] = field(default_factory=dict)
    again: Literal["", "duplicate", "another"] = ""

    def request(self) -> bytes:
        """The bytes of the call."""
        target = _bytes(self.to)
        if not target.startswith((b"/", b"*")) and b"://" not in target:
            target = b"/test/" + target
        method = self.method or ("GET" if self.body is None else "POST")
        lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: firesteel.test"]
        if self.key is not None:
            lines.append(b"X-Api-Key: " + _bytes(self.key))
        lines += [_bytes(name) + b": " + _bytes(value) for name, value in self.headers]
        body = self.body or b""
        if self.chunked:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n"
        elif self.body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, b"", b""]) + body


def taken(name: str, to: str | bytes = "Seen", **more: Any) -> Case:
    """A call that is accepted, runs and succeeds; ``seen`` as keyword arguments of that name."""
    return Case(name, to, **more)


def refused(name: str, status: int, code: str, to: str | bytes = "Seen", **more: Any) -> Case:
    """A call of which nothing is stored. ``faults``: a word, or words between spaces."""
    faults = frozenset(str(more.pop("faults", "")).split())
    return Case(name, to, status=status, code=code, faults=faults, **more)


def typed(content_type: str | bytes | None) -> Headers:
    """The headers of a body of that content type."""
    return () if content_type is None else (("Content-Type", content_type),)


def found(value: Any, path: str) -> Any:
    """What stands at a dotted path of what a workflow saw; None where there is nothing."""
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def exactly(text: bytes) -> Any:
    """JSON with numbers that are not integers as Decimal has them, to tell 1.50 from 1.5."""
    return json.loads(text, parse_float=_number)


def _number(text: str) -> int | str:
    exact = str(Decimal(text))
    return int(exact) if exact.lstrip("-").isdigit() else f"number {exact}"


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
