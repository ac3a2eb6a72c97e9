"""The people port: who may use the admin port. Users, their sign-ins and links, tokens of machines.

Each method is one transaction. Secrets come in as what is kept of them: a password as its argon2id
hash, everything else as a keyed hash, by which it is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from firesteel.model.rights import Right, Role


@dataclass(frozen=True, slots=True)
class UserRights:
    """What an administrator decides of a user."""

    role: Role
    sees_payloads: bool = False
    reveals_keys: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class User:
    """``password_hash``: argon2id in its own encoding, None until the user has chosen one."""

    user_no: int
    name: str
    role: Role
    sees_payloads: bool
    reveals_keys: bool
    password_hash: str | None
    created_at_us: int
    disabled_at_us: int | None
    last_sign_in_at_us: int | None

    @property
    def enabled(self) -> bool:
        """False where the user cannot sign in."""
        return self.disabled_at_us is None

    @property
    def rights(self) -> UserRights:
        """What an administrator has decided."""
        return UserRights(self.role, self.sees_payloads, self.reveals_keys, self.enabled)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser that is signed in. ``digest``: of its secret. ``expires_at_us`` is its end however
    much it is used; ``address`` and ``agent`` are where it began, for people."""

    digest: bytes
    user_no: int
    started_at_us: int
    last_seen_at_us: int
    expires_at_us: int
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link that may be followed once. ``user`` None: it makes the first administrator."""

    digest: bytes
    user: str | None
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class Token:
    """An API token. ``prefix``: its first characters; ``expires_at_us`` None: never."""

    token_no: int
    name: str
    scopes: tuple[Right, ...]
    digest: bytes
    prefix: str
    created_at_us: int
    created_by: str
    expires_at_us: int | None
    last_used_at_us: int | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to add."""

    name: str
    scopes: tuple[Right, ...]
    digest: bytes
    prefix: str
    expires_at_us: int | None


NOBODY = "nobody"
"""How the audit log names who did not get in, and a user that there is not."""


def actor_of(user: str) -> str:
    """How the audit log names a user."""
    return f"user:{user}"


class People(Protocol):
    """Raises CallerError with codes ``unknown_user``, ``user_taken``, ``last_administrator``,
    ``link_invalid``, ``unknown_session``, ``unknown_token``, ``token_taken``; a method that raises
    has changed nothing. Every method with an ``actor`` writes its own audit entry in its
    transaction. What a method changed is seen by every read that begins afterwards.

    An *administrator* is a user of the role admin who is enabled and has a password. Once there is
    one there is always one: what would take the last one away is refused (``last_administrator``).
    """

    async def users(self) -> list[User]:
        """By name."""
        ...

    async def user(self, name: str) -> User | None:
        """The one of that name; None where there is none."""
        ...

    async def has_administrator(self) -> bool:
        """Whether anybody could let others in."""
        ...

    async def add_user(self, name: str, rights: UserRights, actor: str) -> User:
        """A user without a password. ``user_taken``."""
        ...

    async def change_user(self, name: str, rights: UserRights, actor: str) -> User:
        """Replace what is decided of a user; one who is disabled loses sign-ins and links."""
        ...

    async def delete_user(self, name: str, actor: str) -> None:
        """Sign-ins and links go with the user."""
        ...

    async def set_password(
        self, name: str, password_hash: str, *, keep: bytes | None, actor: str
    ) -> None:
        """Another password: the user's links and sign-ins end, but the one with the digest
        ``keep``."""
        ...

    async def refresh_password_hash(self, user_no: int, old: str, new: str) -> None:
        """The same password, hashed at a higher cost; nothing where it is not ``old`` any more."""
        ...

    async def add_link(self, link: Link, actor: str) -> None:
        """A link for a user takes the place of the user's earlier ones; links that have expired are
        forgotten. ``link_invalid`` for the first administrator where there is one, and for a user
        who is disabled."""
        ...

    async def link(self, digest: bytes) -> Link | None:
        """A link that may still be followed: not used, not expired, and one for the first
        administrator only where there is none."""
        ...

    async def follow_link(self, digest: bytes, name: str, password_hash: str) -> User:
        """Use a link: its user gets the password, and all earlier sign-ins of the user end; one for
        the first administrator makes the user ``name``, with every right, and the other links of
        that kind end. Of two who follow it at once, one gets ``link_invalid``."""
        ...

    async def begin_sign_in(self, sign_in: SignIn) -> None:
        """``unknown_user`` where the user has gone or is disabled. Sign-ins that have expired are
        forgotten."""
        ...

    async def refuse_sign_in(self, user: str | None, detail: str) -> None:
        """Write an audit entry of an attempt that failed. ``user``: the one whose name was given;
        None where nobody has it: what was typed may be a password, and is not kept."""
        ...

    async def refuse_act(self, actor: str, route: str, detail: str) -> None:
        """Write an audit entry of acts that were refused, ``access.refuse``."""
        ...

    async def sign_in(self, digest: bytes) -> tuple[SignIn, User] | None:
        """With its user; expired ones too."""
        ...

    async def sign_ins(self, user_no: int) -> list[SignIn]:
        """Of one user, the one seen last first; expired ones too."""
        ...

    async def end_sign_ins(
        self, user_no: int, *, digest: bytes | None, keep: bytes | None, actor: str
    ) -> int:
        """The one of that digest, or (None) all but ``keep``; how many. ``unknown_session`` where
        the user has none of that digest."""
        ...

    async def tokens(self) -> list[Token]:
        """By name."""
        ...

    async def token(self, digest: bytes) -> Token | None:
        """Expired ones too."""
        ...

    async def add_token(self, new: NewToken, actor: str) -> Token:
        """``token_taken``."""
        ...

    async def delete_token(self, name: str, actor: str) -> None:
        """``unknown_token``."""
        ...

    async def touch(self, seen: dict[bytes, int], used: dict[int, int]) -> None:
        """Last uses, written in batches: of sign-ins by digest, of tokens by number. A later one
        stands."""
        ...
