"""Users: added, changed, removed, and let in by a link that works once."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from firesteel.admin.accounts.attempts import TooManyAttempts
from firesteel.errors import CallerError
from firesteel.model.user import check_password, user_name
from firesteel.store.people import Link

if TYPE_CHECKING:
    from firesteel.admin.accounts.attempts import Attempts
    from firesteel.admin.accounts.passwords import Passwords
    from firesteel.engine.clock import Clock
    from firesteel.engine.keyring import Keyring
    from firesteel.store.people import People, User, UserRights

LINK_PATH = "/welcome"
LINK_LIFETIME_S = 24 * 3600
_SECRET_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewLink:
    """``path``: below the address of the console; it is known only now."""

    path: str
    expires_at_us: int


class Users:
    """Made by ``Accounts``. Names are taken in any case and kept in lower case; one that cannot be
    a name is CallerError ``name_invalid`` where it is new, else ``unknown_user``."""

    def __init__(
        self,
        people: People,
        keyring: Keyring,
        *,
        clock: Clock,
        passwords: Passwords,
        attempts: Attempts,
    ) -> None:
        self._people = people
        self._keyring = keyring
        self._clock = clock
        self._passwords = passwords
        self._attempts = attempts

    async def all(self) -> list[User]:
        """By name."""
        return await self._people.users()

    async def find(self, name: str) -> User:
        """Raises CallerError ``unknown_user``."""
        found = await self._people.user(_known_name(name))
        if found is None:
            raise CallerError("there is no user of that name", code="unknown_user")
        return found

    async def add(self, name: str, rights: UserRights, actor: str) -> tuple[User, NewLink]:
        """A user, and the link by which they choose a password. Raises CallerError
        ``name_invalid``, ``user_taken``."""
        added = await self._people.add_user(user_name(name), rights, actor)
        return added, await self.link(added.name, actor)

    async def change(self, name: str, rights: UserRights, actor: str) -> User:
        """Raises CallerError ``unknown_user``, ``last_administrator``."""
        return await self._people.change_user(_known_name(name), rights, actor)

    async def delete(self, name: str, actor: str) -> None:
        """Raises CallerError ``unknown_user``, ``last_administrator``."""
        await self._people.delete_user(_known_name(name), actor)

    # --- links

    async def first_link(self, actor: str) -> NewLink | None:
        """A link for the first administrator; None where there is one."""
        if await self._people.has_administrator():
            return None
        return await self.link(None, actor)

    async def link(self, name: str | None, actor: str) -> NewLink:
        """A link for a user's new password, or (None) for the first administrator. Raises
        CallerError ``unknown_user``, ``link_invalid``."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        expires_at_us = self._clock.now_us() + LINK_LIFETIME_S * 1_000_000
        whose = None if name is None else _known_name(name)
        await self._people.add_link(Link(self._digest(secret), whose, expires_at_us), actor)
        return NewLink(f"{LINK_PATH}?{urlencode({'link': secret})}", expires_at_us)

    async def linked(self, secret: str) -> Link:
        """What a link is for. Raises CallerError ``link_invalid``."""
        found = None
        if _SECRET.fullmatch(secret):
            found = await self._people.link(self._digest(secret))
        if found is None:
            raise CallerError(
                "the link was used already, is over, or never was one", code="link_invalid"
            )
        return found

    async def follow(self, secret: str, name: str, password: str) -> User:
        """Use a link: its user gets the password; the first administrator also ``name``. Raises
        CallerError ``link_invalid``, ``name_invalid``, ``password_weak``, ``user_taken``."""
        link = await self.linked(secret)
        whose = link.user or user_name(name)
        check_password(password, whose)
        password_hash = await self._passwords.hashed(password)
        return await self._people.follow_link(link.digest, whose, password_hash)

    # --- passwords

    async def sign_in(self, name: str, password: str, address: str) -> User:
        """The user of that name and password.

        Raises CallerError ``sign_in_refused`` with one text for every reason and after the same
        time, and TooManyAttempts.
        """
        wanted = name.strip().lower()[:100]
        self._attempts.begin(wanted, address)
        user = await self._people.user(wanted)
        stored = user.password_hash if user is not None and user.enabled else None
        checked = await self._passwords.check(password, stored)
        if user is None or stored is None or not checked.fits:
            if self._attempts.noted():
                known = None if user is None else user.name
                await self._people.refuse_sign_in(known, f"from {address}")
            raise CallerError("name or password is wrong", code="sign_in_refused")
        self._attempts.succeeded(wanted, address)
        if checked.rehashed is not None:
            await self._people.refresh_password_hash(user.user_no, stored, checked.rehashed)
        return user

    async def change_password(
        self, user: User, current: str, new: str, *, address: str, keep: bytes | None
    ) -> None:
        """Another password for who knows the current one; all sessions but ``keep`` end. Raises
        CallerError ``password_wrong``, ``password_weak``, and TooManyAttempts."""
        check_password(new, user.name)
        try:
            await self.sign_in(user.name, current, address)
        except TooManyAttempts:
            raise
        except CallerError as error:
            raise CallerError(
                "the current password is another one", code="password_wrong"
            ) from error
        password_hash = await self._passwords.hashed(new)
        await self._people.set_password(
            user.name, password_hash, keep=keep, actor=f"user:{user.name}"
        )

    def _digest(self, secret: str) -> bytes:
        return self._keyring.lasting_digest(f"link {secret}")


def _known_name(text: str) -> str:
    try:
        return user_name(text)
    except CallerError as error:
        raise CallerError("there is no user of that name", code="unknown_user") from error
