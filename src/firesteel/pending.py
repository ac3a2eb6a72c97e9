"""What will be known later, in the event loop's thread.

An ``asyncio.Future`` tells whoever waits for it in the loop's next turn, through a handle and a
task. A call passes through several hands between its request and its answer, and thousands do so in
a second: here whoever waits is called at once, and a task may await it all the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")


class Pending(Generic[T]):
    """A value or an error, told to one continuation. Used from one event loop's thread."""

    __slots__ = ("_error", "_then", "_value", "known")

    _value: T

    def __init__(self) -> None:
        self.known = False
        self._error: BaseException | None = None
        self._then: Callable[[Pending[T]], object] | None = None

    def then(self, tell: Callable[[Pending[T]], object]) -> None:
        """Call ``tell`` with this as soon as it is known, maybe at once. ``tell`` asks for
        ``result``; what it raises goes to the loop's exception handler."""
        if self.known:
            tell(self)
        elif self._then is not None:
            raise RuntimeError("somebody waits for this already")
        else:
            self._then = tell

    def result(self) -> T:
        """The value; raises the error."""
        if self._error is not None:
            raise self._error
        return self._value

    def resolve(self, value: T) -> None:
        """It is known; once."""
        self._value = value
        self._tell()

    def reject(self, error: BaseException) -> None:
        """It will never be; once."""
        self._error = error
        self._tell()

    def _tell(self) -> None:
        self.known = True
        then, self._then = self._then, None
        if then is None:
            return
        try:
            then(self)
        except Exception as error:  # noqa: BLE001  # whoever is told next must be told all the same
            asyncio.get_running_loop().call_exception_handler(
                {"message": "whoever was told of a result failed", "exception": error}
            )

    def __await__(self) -> Generator[asyncio.Future[None], None, T]:
        if not self.known:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.then(lambda _pending: _wake(woken))
            yield from woken
        return self.result()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
