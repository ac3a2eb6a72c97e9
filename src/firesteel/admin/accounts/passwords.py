"""Passwords: hashed with argon2id (RFC 9106), one at a time, beside the event loop.

A hash takes 64 MiB and a tenth of a second of a core on purpose. One thread does them all, and a
few may wait for it: however many sign in at once, no call of a trigger waits for them and the
memory stays bounded.
"""

from __future__ import annotations

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from firesteel.admin.accounts.attempts import TooManyAttempts
from firesteel.processors import roam

if TYPE_CHECKING:
    from collections.abc import Callable

    from argon2 import PasswordHasher

T = TypeVar("T")

MOST_WAITING = 16
_BUSY_RETRY_S = 2
_NOBODY = "the password of nobody"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one hash: the second choice of RFC 9106, section 4, on one lane: its memory is enough
    against graphics cards, and lanes would take cores away from callers."""

    passes: int = 3
    memory_kib: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """``rehashed``: the same password at the cost of today, where the stored hash had another."""

    fits: bool
    rehashed: str | None = None


class Passwords:
    """``close`` ends the thread. Raises TooManyAttempts where more wait than ``MOST_WAITING``."""

    def __init__(self, cost: Cost | None = None) -> None:
        self._cost = cost or Cost()
        self._pool = ThreadPoolExecutor(
            1, thread_name_prefix="firesteel-password", initializer=roam
        )
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """The hash in its own encoding, with its salt and cost."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def check(self, password: str, stored: str | None) -> Checked:
        """Whether the password is the one that was stored. ``stored`` None, where there is no such
        user or no password, takes as long as a wrong password."""
        return await self._run(lambda: self._checked(password, stored))

    def close(self) -> None:
        """Safe to repeat."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise TooManyAttempts("many sign in just now", _BUSY_RETRY_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def _checked(self, password: str, stored: str | None) -> Checked:
        from argon2.exceptions import InvalidHashError, VerifyMismatchError

        # Made before it is looked at: otherwise the first unknown name would take twice as long.
        nobodys = self._nobodys
        try:
            self._hasher.verify(stored or nobodys, _bytes(password))
        except (VerifyMismatchError, InvalidHashError):
            return Checked(fits=False)
        if stored is None:
            return Checked(fits=False)
        stale = self._hasher.check_needs_rehash(stored)
        return Checked(fits=True, rehashed=self._hasher.hash(_bytes(password)) if stale else None)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return PasswordHasher(
            time_cost=self._cost.passes, memory_cost=self._cost.memory_kib, parallelism=1
        )

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(_NOBODY)


def _bytes(password: str) -> bytes:
    """The same bytes however a keyboard writes the same characters (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
