"""The connections of each workspace, opened when a step first uses them.

A new ``Connections`` frame replaces those before it: what did not change stays open, what did is
closed when its last user is done.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from firesteel.errors import AuthorError
from firesteel.model.connection import KINDS, SqlConnection
from firesteel.model.section import Reading
from firesteel.worker.addresses import AddressRules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from firesteel.model import frames
    from firesteel.model.connection import HttpConnection
    from firesteel.worker.http_connection import HttpClient
    from firesteel.worker.sql_connection import BoundStatement, SqlPool

_ANY_ADDRESS = ""
DEFAULT_CONNECTIONS = 20


class ConnectionInvalid(AuthorError):
    """A connection cannot be used as it is written."""

    code = "connection_invalid"


class ConnectionUnknown(AuthorError):
    """There is no connection of that name, or it is of the other kind."""

    code = "connection_unknown"


@dataclass(eq=False, slots=True)
class _Opened:
    """A connection that is open, with how many steps use it now."""

    part: SqlPool | HttpClient
    users: int = 0
    retired: bool = False

    async def close(self) -> None:
        closing = self.part.close()
        if closing is not None:
            await closing


@dataclass(slots=True)
class WorkspaceConnections:
    """Of one workspace; ``workers`` share each connection's ``max_connections``."""

    documents: dict[str, Any]
    workers: int
    rules: AddressRules
    folder: Path | None
    opened: dict[str, _Opened] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: frames.Connections, folder: Path | None) -> WorkspaceConnections:
        """As the engine sent them."""
        documents = json.loads(frame.connections)
        return cls(documents, frame.workers, AddressRules(frame.outgoing_allow), folder)

    @contextlib.asynccontextmanager
    async def sql(self, name: str) -> AsyncIterator[SqlPool]:
        """The database of that name. Raises ConnectionUnknown, ConnectionInvalid."""
        if "sql" not in _mapping(self.documents.get(name)):
            raise ConnectionUnknown(f"there is no database {name} among the connections")
        async with self._using(name) as part:
            yield cast("SqlPool", part)

    @contextlib.asynccontextmanager
    async def http(self, name: str | None) -> AsyncIterator[HttpClient]:
        """The HTTP system of that name, None: any address. Raises ConnectionUnknown."""
        if name is not None and "http" not in _mapping(self.documents.get(name)):
            raise ConnectionUnknown(f"there is no HTTP system {name} among the connections")
        async with self._using(_ANY_ADDRESS if name is None else name) as part:
            yield cast("HttpClient", part)

    async def probe(self, name: str) -> None:
        """Raises what using it raises."""
        async with self._using(name) as part:
            await part.probe()

    def take_over(self, older: WorkspaceConnections) -> None:
        """Go on with what is open there and stands here unchanged; the rest is for ``close``."""
        if older.workers != self.workers or older.rules != self.rules:
            return
        for name in list(older.opened):
            if older.documents.get(name) == self.documents.get(name):
                self.opened[name] = older.opened.pop(name)

    async def close(self) -> None:
        """Close all of them, each when its last user is done."""
        for opened in self.opened.values():
            await _retire(opened)
        self.opened.clear()

    @contextlib.asynccontextmanager
    async def _using(self, name: str) -> AsyncIterator[SqlPool | HttpClient]:
        opened = self.opened.get(name)
        if opened is None:
            opened = self.opened[name] = _Opened(self._open(name))
        opened.users += 1
        try:
            yield opened.part
        finally:
            opened.users -= 1
            if opened.retired and not opened.users:
                await opened.close()

    def _open(self, name: str) -> SqlPool | HttpClient:
        if name == _ANY_ADDRESS:
            return _http_client(None, self.rules, DEFAULT_CONNECTIONS, self.folder)
        connection = parsed(name, self.documents)
        share = -(-connection.max_connections // max(self.workers, 1))
        if isinstance(connection, SqlConnection):
            return _sql_pool(connection, share, self.folder)
        return _http_client(connection, self.rules, share, self.folder)


class RollingBack(WorkspaceConnections):
    """Those of a try: databases keep nothing of what is done. HTTP systems are as ever."""

    @contextlib.asynccontextmanager
    async def sql(self, name: str) -> AsyncIterator[SqlPool]:
        """The database, in transactions that are rolled back."""
        async with WorkspaceConnections.sql(self, name) as pool:
            yield cast("SqlPool", _RolledBack(pool))


class _RolledBack:
    """The part of a SqlPool that steps use."""

    def __init__(self, pool: SqlPool) -> None:
        self._pool = pool

    async def statement(self, statement: BoundStatement) -> Any:
        return (await self._pool.rolled_back([statement]))[0]

    async def transaction(self, statements: list[BoundStatement]) -> list[Any]:
        return await self._pool.rolled_back(statements)

    async def once(
        self, statements: list[BoundStatement], *, execution: str, place: str
    ) -> list[Any]:
        return await self._pool.rolled_back(statements)


# SQLAlchemy and httpx2 take longer to import than all the rest: only who needs them waits for them.


def _sql_pool(connection: SqlConnection, share: int, folder: Path | None) -> SqlPool:
    from firesteel.worker.sql_connection import SqlPool

    return SqlPool(connection, share, folder)


def _http_client(
    connection: HttpConnection | None, rules: AddressRules, share: int, folder: Path | None
) -> HttpClient:
    from firesteel.worker.http_connection import HttpClient

    return HttpClient(connection, rules, share=share, folder=folder)


def warm_up() -> None:
    """Import what the first step with a connection would wait for."""
    importlib.import_module("firesteel.worker.steps.sql")
    importlib.import_module("firesteel.worker.http_connection")


def _mapping(document: Any) -> dict[str, Any]:
    return document if isinstance(document, dict) else {}


def parsed(name: str, documents: dict[str, Any]) -> SqlConnection | HttpConnection:
    """A connection whose ``${NAME}`` are put in. Raises ConnectionUnknown, ConnectionInvalid."""
    document = documents.get(name)
    if not isinstance(document, dict):
        raise ConnectionUnknown(f"there is no connection {name}")
    kind = next((kind for kind in KINDS if kind in document), None)
    if kind is None:
        raise ConnectionInvalid(f"the connection {name} has neither sql nor http")
    try:
        return KINDS[kind].model_validate(document, context=Reading())
    except ValidationError as error:
        places = sorted({".".join(map(str, item["loc"])) for item in error.errors()})
        raise ConnectionInvalid(
            f"the connection {name} is not valid: {', '.join(places)}"
        ) from None  # the error holds the values, secrets among them


async def _retire(opened: _Opened) -> None:
    opened.retired = True
    if not opened.users:
        await opened.close()


def local_connections(
    documents: dict[str, Any], folder: Path | None, outgoing_allow: Iterable[str] = ()
) -> WorkspaceConnections:
    """Those of a test, without a node."""
    return WorkspaceConnections(documents, 1, AddressRules(outgoing_allow), folder)
