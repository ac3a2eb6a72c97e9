"""Who speaks to the admin port, and what they may do.

One place decides: ``Doorkeeper.access`` turns what came with a request into an Access or refuses.
It knows the node's local token, which the CLI reads from the data directory, the API tokens of
machines, and the sessions of people.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firesteel.errors import CallerError
from firesteel.model.rights import ALL_RIGHTS, Right, rights_of
from firesteel.store.journal import Actor
from firesteel.store.people import User, actor_of

if TYPE_CHECKING:
    from firesteel.admin.accounts.accounts import Accounts
    from firesteel.admin.visitor import Visitor

__all__ = ["ACCESS_KEY", "ALL_RIGHTS", "LOCAL", "Access", "Doorkeeper", "Right", "RightMissing"]

LOCAL = "local"
ACCESS_KEY = "firesteel.access"
"""Where the scope of a request has its Access; None: no credential, or a wrong one."""


class RightMissing(CallerError):
    """``right``: what is needed and not there."""

    code = "forbidden"

    def __init__(self, right: Right) -> None:
        super().__init__(f"the right to {right} is needed for this")
        self.right = right


@dataclass(frozen=True, slots=True)
class Access:
    """A name, for records and audit (``user:anna``, ``token:deployment``, ``local``), and rights.
    ``user`` where it is a person; ``session``: the digest of their session; ``csrf``: what a change
    by that session has to carry."""

    name: str
    rights: frozenset[Right]
    user: User | None = None
    session: bytes | None = field(default=None, repr=False)
    csrf: str = field(default="", repr=False)

    def may(self, right: Right) -> bool:
        """Whether the right is there, for what is shown only to those who have it."""
        return right in self.rights

    def require(self, right: Right) -> None:
        """Raises RightMissing, a CallerError ``forbidden``."""
        if right not in self.rights:
            raise RightMissing(right)

    def actor(self, why: str = "") -> Actor:
        """For the journal and the audit log."""
        return Actor(self.name, why)


class Doorkeeper:
    """Knows the credentials of the admin port."""

    def __init__(self, local_token: str, accounts: Accounts) -> None:
        self._local_token = local_token.encode()
        self._accounts = accounts

    async def access(self, visitor: Visitor) -> Access | None:
        """The access of a request; None: no credential, or a wrong one. Where there is an
        Authorization header the cookie counts for nothing."""
        if visitor.count("authorization"):
            return await self._of_bearer(visitor.header("authorization"))
        secret = visitor.session_secret
        return None if secret is None else await self._of_session(secret, visitor)

    async def _of_bearer(self, authorization: str | None) -> Access | None:
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer":
            return None
        if hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._local_token):
            return Access(LOCAL, ALL_RIGHTS)
        found = await self._accounts.tokens.find(token)
        return None if found is None else Access(f"token:{found.name}", frozenset(found.scopes))

    async def _of_session(self, secret: str, visitor: Visitor) -> Access | None:
        found = await self._accounts.sessions.find(secret, counts=not visitor.only_listens)
        if found is None:
            return None
        user = found.user
        rights = rights_of(user.role, payloads=user.sees_payloads, reveal=user.reveals_keys)
        return Access(actor_of(user.name), rights, user, found.sign_in.digest, found.csrf)
