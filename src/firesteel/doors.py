"""The ports of a node, public and admin: opened when there is an engine behind them, or to say that
none can run.

They are the supervisor's sockets and outlive this process: what is not closed for good goes on to
take callers into its backlog, for the next engine.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from firesteel.engine.public_address import PublicAddress
from firesteel.gateway.server import Listener
from firesteel.gateway.tls import TlsFiles, self_signed
from firesteel.gateway.unavailable import Unavailable

if TYPE_CHECKING:
    from firesteel.gateway.protocol import Handler
    from firesteel.handover import Handover
    from firesteel.settings import Settings

LIVE_PATH = b"/health/live"
_REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what is not bound here


class Doors:
    """Used from the event loop's thread."""

    def __init__(self, handover: Handover) -> None:
        settings = handover.settings
        public_fd = handover.public_fd
        self._public = None if public_fd is None else socket.socket(fileno=public_fd)
        self._admin = socket.socket(fileno=handover.admin_fd)
        self._settings = settings
        self._listeners: list[Listener] = []
        own = "" if self._public is None else _url(self._public, settings)
        self.addresses = {
            "public_url": settings.public_url or own,
            "admin_url": _url(self._admin, settings),
        }

    @property
    def public(self) -> PublicAddress:
        """Of the public port. Raises OperatorError ``tls_invalid``."""
        url = self.addresses["public_url"].rstrip("/")
        if self._public is None:
            return PublicAddress(url, "", 0)
        host, port = self._public.getsockname()[:2]
        tls = tls_files(self._settings)
        return PublicAddress(
            url, _REACHED.get(host, host), port, certificate=tls.certificate if tls else None
        )

    async def refuse(self) -> None:
        """Answer every call with 503 ``store_unavailable``; safe to repeat."""
        if not self._listeners:
            await self._listen(self._each(Unavailable(), Unavailable(live_path=LIVE_PATH)))

    async def open(self, public: Handler, admin: Handler) -> None:
        """Let these answer. Raises OperatorError ``tls_invalid``."""
        doors = self._each(public, admin)
        if not self._listeners:
            await self._listen(doors)
            return
        for listener, (_, handler) in zip(self._listeners, doors, strict=True):
            listener.replace(handler)

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, here or in another process; answer those that have come."""
        await asyncio.gather(*(listener.stop(grace_s) for listener in self._listeners))

    async def leave(self, grace_s: float) -> None:
        """Answer what has come and leave the rest to the next engine."""
        await asyncio.gather(*(listener.leave(grace_s) for listener in self._listeners))

    def _each(self, public: Handler, admin: Handler) -> list[tuple[socket.socket, Handler]]:
        """The ports that there are, with who answers there."""
        own = [] if self._public is None else [(self._public, public)]
        return [*own, (self._admin, admin)]

    async def _listen(self, doors: list[tuple[socket.socket, Handler]]) -> None:
        tls = tls_files(self._settings)
        proxies = self._settings.proxies
        self._listeners = [
            Listener(handler, [bound], tls=tls, proxies=proxies) for bound, handler in doors
        ]
        for listener in self._listeners:
            await listener.start()


def tls_files(settings: Settings) -> TlsFiles | None:
    """Certificate and key of both ports; None where they speak plain HTTP."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        return TlsFiles(settings.tls_cert, settings.tls_key)
    if settings.tls == "self-signed":
        return self_signed(settings.data_dir, [settings.host, settings.admin_host])
    return None


def _url(bound: socket.socket, settings: Settings) -> str:
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls_enabled else 'http'}://{shown}:{port}"
