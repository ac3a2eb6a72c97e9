"""Sessions: browsers that are signed in.

The cookie holds 256 random bits, the store their keyed hash. A session ends after some time without
use, at its absolute end, when its user signs out, is disabled or gets another password. The token
against cross-site requests is derived from the cookie's secret, so that there is nothing to keep.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.errors import CallerError
from firesteel.store.people import SignIn, User, actor_of

if TYPE_CHECKING:
    from firesteel.engine.clock import Clock
    from firesteel.engine.keyring import Keyring
    from firesteel.settings import Settings
    from firesteel.store.people import People

SECRET_BYTES = 32
LONGEST_AGENT = 200
_ID_BYTES = 12
_NOTED_EVERY_US = 30_000_000
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: what its cookie holds, and how long, in seconds."""

    secret: str
    lifetime_s: int


@dataclass(frozen=True, slots=True)
class Found:
    """The session of a cookie. ``csrf``: what its pages send along with every change."""

    sign_in: SignIn
    user: User
    csrf: str


class Sessions:
    """Made by ``Accounts``."""

    def __init__(
        self, people: People, keyring: Keyring, *, clock: Clock, settings: Settings
    ) -> None:
        self._people = people
        self._keyring = keyring
        self._clock = clock
        self._idle_us = int(settings.session_idle_s * 1e6)
        self._lifetime_s = int(settings.session_lifetime_s)
        self._seen: dict[bytes, int] = {}

    async def begin(self, user: User, *, address: str, agent: str) -> Opened:
        """Sign a user in. Raises CallerError ``unknown_user`` where the user went meanwhile."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now_us = self._clock.now_us()
        await self._people.begin_sign_in(
            SignIn(
                digest=self._digest(secret),
                user_no=user.user_no,
                started_at_us=now_us,
                last_seen_at_us=now_us,
                expires_at_us=now_us + self._lifetime_s * 1_000_000,
                address=address,
                agent="".join(c for c in agent if c.isprintable())[:LONGEST_AGENT],
            )
        )
        return Opened(secret, self._lifetime_s)

    async def find(self, secret: str, *, counts: bool = True) -> Found | None:
        """The session of a cookie that still stands. ``counts``: it is used, and not only kept open
        by a page that nobody may be looking at."""
        if not _SECRET.fullmatch(secret):
            return None
        found = await self._people.sign_in(self._digest(secret))
        if found is None or not self._stands(*found):
            return None
        sign_in, user = found
        now_us = self._clock.now_us()
        if counts and now_us - self._last_seen_us(sign_in) > _NOTED_EVERY_US:
            self._seen[sign_in.digest] = now_us
        return Found(sign_in, user, self._keyring.lasting_digest(f"csrf {secret}").hex())

    async def of(self, user: User) -> list[SignIn]:
        """Those of a user that still stand, the one seen last first."""
        found = await self._people.sign_ins(user.user_no)
        return [sign_in for sign_in in found if self._stands(sign_in, user)]

    async def end(self, user: User, session_id: str) -> None:
        """Raises CallerError ``unknown_session``."""
        for sign_in in await self._people.sign_ins(user.user_no):
            if id_of(sign_in) == session_id:
                await self._people.end_sign_ins(
                    user.user_no, digest=sign_in.digest, keep=None, actor=actor_of(user.name)
                )
                return
        raise CallerError("you have no such session", code="unknown_session")

    async def leave(self, user: User, digest: bytes) -> None:
        """The user signs out; nothing where the session has ended meanwhile."""
        with contextlib.suppress(CallerError):
            await self._people.end_sign_ins(
                user.user_no, digest=digest, keep=None, actor=actor_of(user.name)
            )

    async def end_all(self, user: User, *, keep: bytes | None, actor: str) -> int:
        """All of a user but the one with the digest ``keep``; how many."""
        return await self._people.end_sign_ins(user.user_no, digest=None, keep=keep, actor=actor)

    def take_seen(self) -> dict[bytes, int]:
        """The uses noted since the last call."""
        seen, self._seen = self._seen, {}
        return seen

    def _stands(self, sign_in: SignIn, user: User) -> bool:
        now_us = self._clock.now_us()
        idle_us = now_us - self._last_seen_us(sign_in)
        return user.enabled and now_us < sign_in.expires_at_us and idle_us < self._idle_us

    def _last_seen_us(self, sign_in: SignIn) -> int:
        return max(sign_in.last_seen_at_us, self._seen.get(sign_in.digest, 0))

    def _digest(self, secret: str) -> bytes:
        return self._keyring.lasting_digest(f"session {secret}")


def id_of(sign_in: SignIn) -> str:
    """By which a person names a session: a part of the digest, which opens nothing."""
    return sign_in.digest[:_ID_BYTES].hex()
