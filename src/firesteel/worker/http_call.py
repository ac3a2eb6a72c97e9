"""A call of another system and its answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A call, ready to be sent. ``target``: path and query below a connection's address, or a whole
    URL where there is no connection."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """``headers`` have lower-case names; ``retry_after_s``: what the answer asks for, else None."""

    status: int
    headers: dict[str, str]
    body: bytes
    retry_after_s: float | None
