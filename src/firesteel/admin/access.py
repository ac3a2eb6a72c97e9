"""Who speaks to the admin port, and what they may do.

One place decides: ``Doorkeeper.access`` turns the Authorization header into an Access or refuses.
Today it knows the node's local token, which the CLI reads from the data directory.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

from firesteel.errors import CallerError
from firesteel.store.journal import Actor

Right = Literal["view", "payloads", "reveal", "operate", "edit", "administer"]
"""``view``: lists and states; ``payloads``: what messages hold; ``operate``: replay, cancel, pause;
``edit``: publish, keys, connections; ``administer``: secrets, backup, workers, revealing keys."""

ALL_RIGHTS: frozenset[Right] = frozenset(
    {"view", "payloads", "reveal", "operate", "edit", "administer"}
)
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Access:
    """A name, for records and audit, and rights."""

    name: str
    rights: frozenset[Right]

    def require(self, right: Right) -> None:
        """Raises CallerError ``forbidden``."""
        if right not in self.rights:
            raise CallerError(f"the right to {right} is needed for this", code="forbidden")

    def actor(self, why: str = "") -> Actor:
        """For the journal and the audit log."""
        return Actor(self.name, why)


class Doorkeeper:
    """Knows the credentials of the admin port."""

    def __init__(self, local_token: str) -> None:
        self._local_token = local_token.encode()

    def access(self, authorization: str | None) -> Access | None:
        """The access of an Authorization header; None: none, or a wrong one."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if hmac.compare_digest(token.strip().encode("utf-8", "surrogatepass"), self._local_token):
            return Access(LOCAL, ALL_RIGHTS)
        return None
