"""API tokens: how machines, and the command line from elsewhere, are known."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from firesteel.errors import CallerError
from firesteel.model.api_token import generated_token, is_token, shown_of, token_name
from firesteel.model.generated_secret import ENTROPY_BYTES
from firesteel.model.rights import in_order
from firesteel.store.people import NewToken, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.engine.clock import Clock
    from firesteel.engine.keyring import Keyring
    from firesteel.model.rights import Right
    from firesteel.store.people import People

_NOTED_EVERY_US = 30_000_000


class Tokens:
    """Made by ``Accounts``."""

    def __init__(self, people: People, keyring: Keyring, *, clock: Clock) -> None:
        self._people = people
        self._keyring = keyring
        self._clock = clock
        self._used: dict[int, int] = {}

    async def all(self) -> list[Token]:
        """By name."""
        return await self._people.tokens()

    async def add(
        self, name: str, scopes: Iterable[Right], expires_at_us: int | None, actor: str
    ) -> tuple[Token, str]:
        """A token and its secret, which is not kept. Raises CallerError ``name_invalid``,
        ``token_taken``, ``expiry_invalid``."""
        if expires_at_us is not None and expires_at_us <= self._clock.now_us():
            raise CallerError("the day on which the token expires is past", code="expiry_invalid")
        secret = generated_token(secrets.token_bytes(ENTROPY_BYTES))
        new = NewToken(
            name=token_name(name),
            scopes=tuple(in_order(scopes)),
            digest=self._digest(secret),
            prefix=shown_of(secret),
            expires_at_us=expires_at_us,
        )
        return await self._people.add_token(new, actor), secret

    async def delete(self, name: str, actor: str) -> None:
        """Requests with it are refused from now on. Raises CallerError ``unknown_token``."""
        await self._people.delete_token(name, actor)

    async def find(self, secret: str) -> Token | None:
        """The token of a request, where it stands; its use is noted."""
        if not is_token(secret):
            return None
        found = await self._people.token(self._digest(secret))
        now_us = self._clock.now_us()
        if found is None or (found.expires_at_us is not None and found.expires_at_us <= now_us):
            return None
        last_us = max(found.last_used_at_us or 0, self._used.get(found.token_no, 0))
        if now_us - last_us > _NOTED_EVERY_US:
            self._used[found.token_no] = now_us
        return found

    def take_used(self) -> dict[int, int]:
        """The uses noted since the last call."""
        used, self._used = self._used, {}
        return used

    def _digest(self, secret: str) -> bytes:
        return self._keyring.lasting_digest(f"token {secret}")
