"""Users and their links on SQLite: what runs inside a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.people import Link, User, UserRights, actor_of
from firesteel.store.schema import invitation, sign_in, user
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.database import Connection
from firesteel.store.sql.functions import greatest
from firesteel.store.sql.queries import execute, fetch_all, fetch_one, insert_numbered

FIRST_RIGHTS = UserRights("admin", sees_payloads=True, reveals_keys=True)


def users(connection: Connection) -> list[User]:
    """By name."""
    return [_user(row) for row in fetch_all(connection, _users().order_by(user.c.name))]


def find(connection: Connection, name: str) -> User | None:
    """The one of that name."""
    row = fetch_one(connection, _users().where(user.c.name == name))
    return None if row is None else _user(row)


def of_no(connection: Connection, user_no: int) -> User:
    """Raises CallerError ``unknown_user``."""
    row = fetch_one(connection, _users().where(user.c.no == user_no))
    if row is None:
        raise CallerError("there is no such user", code="unknown_user")
    return _user(row)


def has_administrator(connection: Connection) -> bool:
    """Whether an administrator can sign in."""
    return fetch_one(connection, _administrators()) is not None


def add_user(change: Change, name: str, rights: UserRights) -> User:
    """Raises CallerError ``user_taken``."""
    added = _insert(change, name, rights, None)
    change.note("user.add", name, _described(rights))
    return added


def change_user(change: Change, name: str, rights: UserRights) -> User:
    """Raises CallerError ``unknown_user``, ``last_administrator``."""
    old = _known(change.connection, name)
    if not (rights.enabled and rights.role == "admin"):
        _refuse_last(change.connection, old)
    disabled_at_us = None if rights.enabled else (old.disabled_at_us or change.now_us)
    row = update(user).where(user.c.no == old.user_no)
    execute(change.connection, row.values(disabled_at_us=disabled_at_us, **_columns(rights)))
    if not rights.enabled:
        _forget(change.connection, old.user_no)
    if rights != old.rights:
        change.note("user.change", name, _described(rights))
    return of_no(change.connection, old.user_no)


def delete_user(change: Change, name: str) -> None:
    """Raises CallerError ``unknown_user``, ``last_administrator``."""
    old = _known(change.connection, name)
    _refuse_last(change.connection, old)
    _forget(change.connection, old.user_no)
    execute(change.connection, delete(user).where(user.c.no == old.user_no))
    change.note("user.delete", name)


def set_password(change: Change, name: str, password_hash: str, keep: bytes | None) -> None:
    """Raises CallerError ``unknown_user``."""
    old = _known(change.connection, name)
    _forget(change.connection, old.user_no, keep=keep)
    row = update(user).where(user.c.no == old.user_no)
    execute(change.connection, row.values(password_hash=password_hash))
    change.note("user.password", name)


def refresh_password_hash(connection: Connection, user_no: int, old: str, new: str) -> None:
    """The same password, hashed anew."""
    row = update(user).where(user.c.no == user_no, user.c.password_hash == old)
    execute(connection, row.values(password_hash=new))


# --- links ----------------------------------------------------------------------------------


def add_link(change: Change, link: Link) -> None:
    """Raises CallerError ``unknown_user``, ``link_invalid``."""
    user_no = None
    if link.user is None:
        if has_administrator(change.connection):
            raise CallerError("there is an administrator already", code="link_invalid")
    else:
        known = _known(change.connection, link.user)
        if not known.enabled:
            raise CallerError("the user is disabled", code="link_invalid")
        user_no = known.user_no
    c = invitation.c
    old = delete(invitation).where(
        (c.expires_at_us <= change.now_us) | (c.user_no == user_no)
        if user_no is not None
        else c.expires_at_us <= change.now_us
    )
    execute(change.connection, old)
    times = {"created_at_us": change.now_us, "expires_at_us": link.expires_at_us}
    row = insert(invitation).values(digest=link.digest, user_no=user_no, **times)
    execute(change.connection, row)
    change.note("user.link", link.user or "the first administrator")


def link(connection: Connection, digest: bytes, now_us: int) -> Link | None:
    """A link that may still be followed."""
    c = invitation.c
    found = (
        select(c.digest, user.c.name, c.expires_at_us, c.user_no)
        .outerjoin(user, c.user_no == user.c.no)
        .where(c.digest == digest, c.expires_at_us > now_us)
    )
    row = fetch_one(connection, found)
    if row is None or (row[3] is None and has_administrator(connection)):
        return None
    return Link(*row[:3])


def follow_link(change: Change, digest: bytes, name: str, password_hash: str) -> User:
    """Raises CallerError ``link_invalid``; ``user_taken`` for the first administrator."""
    connection = change.connection
    found = link(connection, digest, change.now_us)
    if found is None:
        raise CallerError(
            "the link was used already, is over, or never was one", code="link_invalid"
        )
    if found.user is None:
        added = _insert(change, name, FIRST_RIGHTS, password_hash)
        execute(connection, delete(invitation).where(invitation.c.user_no.is_(None)))
        own = Change(connection, change.now_us, actor_of(name))
        own.note("user.first", name, _described(FIRST_RIGHTS))
        return added
    own = Change(connection, change.now_us, actor_of(found.user))
    set_password(own, found.user, password_hash, None)
    return _known(connection, found.user)


# --- inside ---------------------------------------------------------------------------------


def _users() -> Select[Any]:
    c = user.c
    return select(
        c.no,
        c.name,
        c.role,
        c.sees_payloads,
        c.reveals_keys,
        c.password_hash,
        c.created_at_us,
        c.disabled_at_us,
        c.last_sign_in_at_us,
    )


def _user(row: tuple[Any, ...]) -> User:
    user_no, name, role, payloads, reveal, *rest = row
    return User(user_no, name, role, bool(payloads), bool(reveal), *rest)


def _administrators() -> Select[Any]:
    c = user.c
    return select(c.no).where(
        c.role == "admin", c.disabled_at_us.is_(None), c.password_hash.is_not(None)
    )


def _known(connection: Connection, name: str) -> User:
    found = find(connection, name)
    if found is None:
        raise CallerError(f"there is no user {name}", code="unknown_user")
    return found


def _refuse_last(connection: Connection, leaving: User) -> None:
    """Where ``leaving`` is the only administrator, nobody could let another in."""
    numbers = [row[0] for row in fetch_all(connection, _administrators().limit(2))]
    if numbers == [leaving.user_no]:
        raise CallerError(f"{leaving.name} is the last administrator", code="last_administrator")


def _insert(change: Change, name: str, rights: UserRights, password_hash: str | None) -> User:
    if find(change.connection, name) is not None:
        raise CallerError(f"there is a user {name} already", code="user_taken")
    row = insert(user).values(
        name=name,
        password_hash=password_hash,
        created_at_us=change.now_us,
        disabled_at_us=None if rights.enabled else change.now_us,
        **_columns(rights),
    )
    return of_no(change.connection, insert_numbered(change.connection, row))


def _columns(rights: UserRights) -> dict[str, Any]:
    return {
        "role": rights.role,
        "sees_payloads": rights.sees_payloads,
        "reveals_keys": rights.reveals_keys,
    }


def _forget(connection: Connection, user_no: int, *, keep: bytes | None = None) -> None:
    """End the user's links and sign-ins, but the one with the digest ``keep``."""
    execute(connection, delete(invitation).where(invitation.c.user_no == user_no))
    ended = delete(sign_in).where(sign_in.c.user_no == user_no)
    if keep is not None:
        ended = ended.where(sign_in.c.digest != keep)
    execute(connection, ended)


def _described(rights: UserRights) -> str:
    apart = (("payloads", rights.sees_payloads), ("reveal", rights.reveals_keys))
    parts = [rights.role, *(name for name, given in apart if given)]
    return ", ".join(parts if rights.enabled else [*parts, "disabled"])


def signed_in(change: Change, user_no: int) -> None:
    """Note when the user signed in last; the later one stands."""
    latest = greatest(func.coalesce(user.c.last_sign_in_at_us, 0), change.now_us)
    row = update(user).where(user.c.no == user_no)
    execute(change.connection, row.values(last_sign_in_at_us=latest))
