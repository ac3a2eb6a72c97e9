"""Everything about who may use the admin port, put together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from firesteel.admin.accounts.attempts import Attempts
from firesteel.admin.accounts.passwords import Passwords
from firesteel.admin.accounts.refused_acts import RefusedActs
from firesteel.admin.accounts.sessions import Sessions
from firesteel.admin.accounts.tokens import Tokens
from firesteel.admin.accounts.users import Users

if TYPE_CHECKING:
    from firesteel.admin.accounts.passwords import Cost
    from firesteel.engine.clock import Clock
    from firesteel.engine.keyring import Keyring
    from firesteel.settings import Settings
    from firesteel.store.people import People


class Accounts:
    """Made by ``node``; used from the event loop's thread."""

    def __init__(
        self,
        people: People,
        keyring: Keyring,
        *,
        clock: Clock,
        settings: Settings,
        cost: Cost | None = None,
    ) -> None:
        self._people = people
        self.passwords = Passwords(cost)
        attempts = Attempts(time.monotonic)
        self.users = Users(
            people, keyring, clock=clock, passwords=self.passwords, attempts=attempts
        )
        self.sessions = Sessions(people, keyring, clock=clock, settings=settings)
        self.tokens = Tokens(people, keyring, clock=clock)
        self.refused_acts = RefusedActs(people, time.monotonic)

    async def write_uses(self) -> None:
        """Write when sessions and tokens were used last, and how often acts were refused; called by
        the clock, and at the end."""
        seen, used = self.sessions.take_seen(), self.tokens.take_used()
        if seen or used:
            await self._people.touch(seen, used)
        await self.refused_acts.write_counted()

    def close(self) -> None:
        """No more passwords are checked. Safe to repeat."""
        self.passwords.close()
