"""People in SQL."""

from __future__ import annotations

from firesteel.store.people import (
    NOBODY,
    Link,
    NewToken,
    SignIn,
    Token,
    User,
    UserRights,
    actor_of,
)
from firesteel.store.sql import people_users, people_visits
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.changes import Changes
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import Database


class SqlPeople:
    """The People port."""

    def __init__(self, database: Database, *, clocks: Clocks) -> None:
        self._database = database
        self._clocks = clocks
        self._changes = Changes(database, clocks)

    # --- users ----------------------------------------------------------------------------------

    async def users(self) -> list[User]:
        return await self._database.read(people_users.users)

    async def user(self, name: str) -> User | None:
        return await self._database.read(lambda connection: people_users.find(connection, name))

    async def has_administrator(self) -> bool:
        return await self._database.read(people_users.has_administrator)

    async def add_user(self, name: str, rights: UserRights, actor: str) -> User:
        return await self._changes.run(
            actor, lambda change: people_users.add_user(change, name, rights)
        )

    async def change_user(self, name: str, rights: UserRights, actor: str) -> User:
        return await self._changes.run(
            actor, lambda change: people_users.change_user(change, name, rights)
        )

    async def delete_user(self, name: str, actor: str) -> None:
        await self._changes.run(actor, lambda change: people_users.delete_user(change, name))

    async def set_password(
        self, name: str, password_hash: str, *, keep: bytes | None, actor: str
    ) -> None:
        await self._changes.run(
            actor, lambda change: people_users.set_password(change, name, password_hash, keep)
        )

    async def refresh_password_hash(self, user_no: int, old: str, new: str) -> None:
        await self._database.write(
            lambda connection: people_users.refresh_password_hash(connection, user_no, old, new)
        )

    # --- links ----------------------------------------------------------------------------------

    async def add_link(self, link: Link, actor: str) -> None:
        await self._changes.run(actor, lambda change: people_users.add_link(change, link))

    async def link(self, digest: bytes) -> Link | None:
        now_us = self._clocks.wall_us()
        return await self._database.read(
            lambda connection: people_users.link(connection, digest, now_us)
        )

    async def follow_link(self, digest: bytes, name: str, password_hash: str) -> User:
        return await self._changes.run(
            actor_of(name),
            lambda change: people_users.follow_link(change, digest, name, password_hash),
        )

    # --- sign-ins -------------------------------------------------------------------------------

    async def begin_sign_in(self, sign_in: SignIn) -> None:
        def work(change: Change) -> None:
            name = people_users.of_no(change.connection, sign_in.user_no).name
            own = Change(change.connection, change.now_us, actor_of(name))
            people_visits.begin(own, sign_in)

        await self._changes.run("", work)

    async def refuse_sign_in(self, user: str | None, detail: str) -> None:
        await self._changes.run(
            NOBODY, lambda change: change.note("user.refuse", user or NOBODY, detail)
        )

    async def refuse_act(self, actor: str, route: str, detail: str) -> None:
        await self._changes.run(actor, lambda change: change.note("access.refuse", route, detail))

    async def sign_in(self, digest: bytes) -> tuple[SignIn, User] | None:
        return await self._database.read(lambda connection: people_visits.find(connection, digest))

    async def sign_ins(self, user_no: int) -> list[SignIn]:
        return await self._database.read(
            lambda connection: people_visits.of_user(connection, user_no)
        )

    async def end_sign_ins(
        self, user_no: int, *, digest: bytes | None, keep: bytes | None, actor: str
    ) -> int:
        return await self._changes.run(
            actor, lambda change: people_visits.end(change, user_no, digest, keep)
        )

    # --- tokens ---------------------------------------------------------------------------------

    async def tokens(self) -> list[Token]:
        return await self._database.read(people_visits.tokens)

    async def token(self, digest: bytes) -> Token | None:
        return await self._database.read(
            lambda connection: people_visits.find_token(connection, digest)
        )

    async def add_token(self, new: NewToken, actor: str) -> Token:
        return await self._changes.run(actor, lambda change: people_visits.add_token(change, new))

    async def delete_token(self, name: str, actor: str) -> None:
        await self._changes.run(actor, lambda change: people_visits.delete_token(change, name))

    async def touch(self, seen: dict[bytes, int], used: dict[int, int]) -> None:
        await self._database.write(lambda connection: people_visits.touch(connection, seen, used))
