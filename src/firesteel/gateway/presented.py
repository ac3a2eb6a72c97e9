"""What a call presents to be let in, and what a way to authenticate makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol

if TYPE_CHECKING:
    from firesteel.gateway.exchange import Exchange


class _AfterBody(str):
    """A type of its own, so that no consumer's name is taken for it."""

    __slots__ = ()


AFTER_BODY: Final = _AfterBody("after the body")
"""In place of a consumer: a signature decides, when the body has come. Compared by identity."""


class Presented:
    """The head of a call. ``now_us``: the wall clock."""

    __slots__ = ("_repeats", "exchange", "now_us")

    def __init__(self, exchange: Exchange, now_us: int) -> None:
        self.exchange = exchange
        self.now_us = now_us
        self._repeats = len(exchange.named) != len(exchange.headers)

    def header(self, name: bytes) -> bytes | None:
        """The header of that lower-case name; None where it was not sent, or more than once: of
        two credentials it cannot be said which one was meant."""
        value = self.exchange.named.get(name)
        if value is None or not self._repeats:
            return value
        return value if sum(key == name for key, _ in self.exchange.headers) == 1 else None

    def authorization(self, scheme: bytes) -> bytes | None:
        """The credentials of ``Authorization`` where they are of that scheme, in lower case with a
        space at its end; its name has no case (RFC 9110, section 11.1)."""
        value = self.header(b"authorization")
        if value is None or value[: len(scheme)].lower() != scheme:
            return None
        return value[len(scheme) :].strip(b" ")


class Way(Protocol):
    """One kind of credentials that a call's head can hold. ``name``: its key in a document."""

    name: ClassVar[str]

    def consumer(self, presented: Presented) -> str | None:
        """Who calls, by what the head holds; None where it does not let the call in. Raises
        nothing else than KeysWanted and KeysMissing of ``key_sets``."""
        ...
