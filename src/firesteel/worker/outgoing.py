"""Connections to other systems, made to addresses that may be reached and to no others.

The check is made on the resolved address, which is the one that is then connected to, so that a
name that resolves differently the second time (DNS rebinding) gains nothing (P45).
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

from firesteel.worker.addresses import AddressRefused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from firesteel.worker.addresses import AddressRules


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a name itself and connects to nothing but addresses that the rules permit."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the base class has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises AddressRefused where no address of the host may be reached."""
        refused: Exception | None = None
        for address in await self._resolved(host, port):
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                refused = error
        raise refused or httpcore2.ConnectError("the name has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # the base class has it
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refused."""
        raise AddressRefused("http steps reach no Unix sockets")

    async def sleep(self, seconds: float) -> None:
        """Between the pool's own attempts to connect."""
        await asyncio.sleep(seconds)

    async def _resolved(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError("the name cannot be resolved") from error
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        permitted = [address for address in addresses if self._rules.permits(address)]
        if addresses and not permitted:
            raise AddressRefused(
                "the address is private, local or reserved;"
                " FIRESTEEL_OUTGOING_ALLOW lists networks that may be reached"
            )
        return permitted


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """The transport of httpx2 on a pool that connects through a GuardedBackend."""

    def __init__(self, rules: AddressRules, *, verify: ssl.SSLContext, connections: int) -> None:
        super().__init__(verify=verify, trust_env=False)
        # httpx2 has no argument for the network backend; the pool is the one private name we use.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(rules),
        )
