"""Sign-ins of people and tokens of machines on SQLite: what runs inside a transaction."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.people import NewToken, SignIn, Token, User
from firesteel.store.schema import sign_in, token
from firesteel.store.sql import people_users
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.database import Connection
from firesteel.store.sql.functions import greatest
from firesteel.store.sql.queries import execute, fetch_all, fetch_one


def begin(change: Change, new: SignIn) -> None:
    """Raises CallerError ``unknown_user``."""
    owner = people_users.of_no(change.connection, new.user_no)
    if not owner.enabled:
        raise CallerError("there is no such user", code="unknown_user")
    c = sign_in.c
    execute(change.connection, delete(sign_in).where(c.expires_at_us <= change.now_us))
    row = insert(sign_in).values(
        digest=new.digest,
        user_no=new.user_no,
        started_at_us=new.started_at_us,
        last_seen_at_us=new.last_seen_at_us,
        expires_at_us=new.expires_at_us,
        address=new.address,
        agent=new.agent,
    )
    execute(change.connection, row)
    people_users.signed_in(change, new.user_no)
    change.note("user.sign_in", owner.name, f"from {new.address}")


def find(connection: Connection, digest: bytes) -> tuple[SignIn, User] | None:
    """With its user."""
    row = fetch_one(connection, _sign_ins().where(sign_in.c.digest == digest))
    if row is None:
        return None
    found = SignIn(*row)
    return found, people_users.of_no(connection, found.user_no)


def of_user(connection: Connection, user_no: int) -> list[SignIn]:
    """The one seen last first."""
    own = _sign_ins().where(sign_in.c.user_no == user_no)
    latest = own.order_by(sign_in.c.last_seen_at_us.desc(), sign_in.c.digest)
    return [SignIn(*row) for row in fetch_all(connection, latest)]


def end(change: Change, user_no: int, digest: bytes | None, keep: bytes | None) -> int:
    """Raises CallerError ``unknown_session``, ``unknown_user``."""
    owner = people_users.of_no(change.connection, user_no)
    ended = delete(sign_in).where(sign_in.c.user_no == user_no)
    if digest is not None:
        ended = ended.where(sign_in.c.digest == digest)
    elif keep is not None:
        ended = ended.where(sign_in.c.digest != keep)
    number = execute(change.connection, ended).rowcount
    if digest is not None and not number:
        raise CallerError("there is no such session", code="unknown_session")
    if number:
        change.note("user.sign_out", owner.name, "" if number == 1 else f"{number} sessions")
    return number


def tokens(connection: Connection) -> list[Token]:
    """By name."""
    return [_token(row) for row in fetch_all(connection, _tokens().order_by(token.c.name))]


def find_token(connection: Connection, digest: bytes) -> Token | None:
    """The one of that digest."""
    row = fetch_one(connection, _tokens().where(token.c.digest == digest))
    return None if row is None else _token(row)


def add_token(change: Change, new: NewToken) -> Token:
    """Raises CallerError ``token_taken``."""
    c = token.c
    if fetch_one(change.connection, select(c.no).where(c.name == new.name)):
        raise CallerError(f"there is a token {new.name} already", code="token_taken")
    row = insert(token).values(
        name=new.name,
        scopes=json.dumps(new.scopes),
        digest=new.digest,
        prefix=new.prefix,
        created_at_us=change.now_us,
        created_by=change.actor,
        expires_at_us=new.expires_at_us,
    )
    execute(change.connection, row)
    change.note("token.add", new.name, ", ".join(new.scopes))
    (added,) = fetch_all(change.connection, _tokens().where(c.name == new.name))
    return _token(added)


def delete_token(change: Change, name: str) -> None:
    """Raises CallerError ``unknown_token``."""
    if not execute(change.connection, delete(token).where(token.c.name == name)).rowcount:
        raise CallerError(f"there is no token {name}", code="unknown_token")
    change.note("token.delete", name)


def touch(connection: Connection, seen: dict[bytes, int], used: dict[int, int]) -> None:
    """Write last uses; a later one stands."""
    for digest, seen_at_us in seen.items():
        latest = greatest(sign_in.c.last_seen_at_us, seen_at_us)
        row = update(sign_in).where(sign_in.c.digest == digest)
        execute(connection, row.values(last_seen_at_us=latest))
    for token_no, used_at_us in used.items():
        latest = greatest(func.coalesce(token.c.last_used_at_us, 0), used_at_us)
        execute(
            connection, update(token).where(token.c.no == token_no).values(last_used_at_us=latest)
        )


def _sign_ins() -> Select[Any]:
    c = sign_in.c
    return select(
        c.digest,
        c.user_no,
        c.started_at_us,
        c.last_seen_at_us,
        c.expires_at_us,
        c.address,
        c.agent,
    )


def _tokens() -> Select[Any]:
    c = token.c
    return select(
        c.no,
        c.name,
        c.scopes,
        c.digest,
        c.prefix,
        c.created_at_us,
        c.created_by,
        c.expires_at_us,
        c.last_used_at_us,
    )


def _token(row: tuple[Any, ...]) -> Token:
    token_no, name, scopes, *rest = row
    return Token(token_no, name, tuple(json.loads(scopes)), *rest)
