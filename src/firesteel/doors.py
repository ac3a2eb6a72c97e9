"""The ports of a node, public and admin: opened when there is an engine behind them, or to say that
none can run.

They are the supervisor's sockets and outlive this process: what is not closed for good goes on to
take callers into its backlog, for the next engine.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from firesteel.engine.public_address import PublicAddress
from firesteel.gateway.hosts import HEALTH_PATH, Hosts
from firesteel.gateway.open_files import open_files
from firesteel.gateway.places import Places
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from firesteel.gateway.tls import TlsFiles, self_signed
from firesteel.gateway.unavailable import Unavailable
from firesteel.setting_values import is_loopback
from firesteel.telemetry.meter import PortFigures

if TYPE_CHECKING:
    from firesteel.gateway.protocol import Handler
    from firesteel.handover import Handover
    from firesteel.settings import Settings

LIVE_PATH: Final = b"/health/live"
LOST_STORE_GRACE_S: Final = 1.0
HEALTH_PATHS: Final = (LIVE_PATH, b"/health/ready")
_REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what is not bound here

log = structlog.get_logger(__name__)


class Doors:
    """Used from the event loop's thread."""

    def __init__(self, handover: Handover) -> None:
        settings = handover.settings
        public_fd = handover.public_fd
        self._public = None if public_fd is None else socket.socket(fileno=public_fd)
        self._admin = socket.socket(fileno=handover.admin_fd)
        self._settings = settings
        self._listeners: list[Listener] = []
        self.leaving = handover.leaving
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

    def figures(self) -> list[PortFigures]:
        """Of each port that is open."""
        names = ["admin"] if self._public is None else ["public", "admin"]
        return [one.figures(name) for one, name in zip(self._listeners, names, strict=False)]

    async def refuse(self) -> None:
        """Answer every call with 503 ``store_unavailable``; safe to repeat."""
        if not self._listeners:
            await self.give_up()

    async def give_up(self) -> None:
        """As ``refuse``, from now on, also where somebody else answered before."""
        await self.open(Unavailable(), Unavailable(live_path=LIVE_PATH))

    async def open(self, public: Handler, admin: Handler) -> None:
        """Let these answer. Raises OperatorError ``tls_invalid``."""
        doors = self._each(public, admin)
        if not self._listeners:
            await self._listen(doors)
            return
        for listener, (_, handler) in zip(self._listeners, doors, strict=True):
            listener.replace(handler)

    def wind_down(self) -> None:
        """The node is about to stop: calls are taken, but no connection is kept behind its answer.
        Safe to repeat."""
        self.leaving = True
        for listener in self._listeners:
            listener.wind_down()

    def end_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for listener in self._listeners:
            listener.end_idle()

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
        public, admin = rules_of(self._settings)
        self._listeners = [
            Listener(handler, [bound], tls=tls, rules=admin)
            if bound is self._admin
            else Listener(handler, [bound], tls=self._asking(tls), rules=public)
            for bound, handler in doors
        ]
        for listener in self._listeners:
            if self.leaving:
                listener.wind_down()
            await listener.start()

    def _asking(self, tls: TlsFiles | None) -> TlsFiles | None:
        """The same files for the public port, where clients may be asked for a certificate."""
        authorities = self._settings.tls_client_ca
        if tls is None or authorities is None:
            return tls
        return TlsFiles(tls.certificate, tls.key, client_ca=authorities)


def tls_files(settings: Settings) -> TlsFiles | None:
    """Certificate and key of both ports; None where they speak plain HTTP."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        return TlsFiles(settings.tls_cert, settings.tls_key)
    if settings.tls == "self-signed":
        return self_signed(settings.data_dir, [settings.host, settings.admin_host])
    return None


def rules_of(settings: Settings) -> tuple[Rules, Rules]:
    """What holds for the connections of the public port, and of the admin port."""
    files = open_files(settings.max_connections)
    if files.public_connections < settings.max_connections:
        log.warning("fewer_connections", public=files.public_connections)
    proxies, of_one = settings.proxies, settings.max_connections_per_address
    header = settings.client_certificate_header
    public = Rules(
        proxies=proxies,
        certificate_header=header.lower().encode() if header else None,
        hosts=_public_hosts(settings),
        hsts_max_age_s=int(settings.hsts_max_age_s),
        places=Places(files.public_connections, of_one, proxies),
    )
    admin = Rules(
        proxies=proxies,
        hosts=_admin_hosts(settings),
        hsts_max_age_s=int(settings.hsts_max_age_s),
        places=Places(files.admin_connections),
    )
    return public, admin


def _public_hosts(settings: Settings) -> Hosts | None:
    if not settings.allowed_hosts:
        return None
    own = urlsplit(settings.public_url or "").hostname
    names = settings.allowed_hosts if own is None else (*settings.allowed_hosts, own)
    return Hosts(names, [HEALTH_PATH])


def _admin_hosts(settings: Settings) -> Hosts | None:
    """A port that only this machine reaches, and no proxy, is called by no other name, but by pages
    that a browser was led to."""
    alone = is_loopback(settings.admin_host) and not settings.trusted_proxies
    if not settings.admin_allowed_hosts and not alone:
        return None
    return Hosts(settings.admin_allowed_hosts, HEALTH_PATHS)


def _url(bound: socket.socket, settings: Settings) -> str:
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls_enabled else 'http'}://{shown}:{port}"
