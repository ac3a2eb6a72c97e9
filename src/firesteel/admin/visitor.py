"""A request of the admin port as far as it tells who sends it: address, cookie, origin.

Cookies know no ports: those of another service on the same host come along. So the cookie's name
has the port in it, and where there is TLS the prefix ``__Host-``, by which browsers let no other
host and no path set it (RFC 6265bis, section 4.1.3.2).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from firesteel.model.forwarded import Proxies

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from firesteel.admin.access import Access
    from firesteel.model.forwarded import Client

COOKIE = "firesteel"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
VISITOR_KEY = "firesteel.visitor"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
UNKNOWN_ADDRESS = "unknown"
NO_PROXIES = Proxies()


@dataclass(frozen=True)
class Visitor:
    """``scope`` is ASGI's; ``proxies``: who is believed of whom they bring."""

    scope: MutableMapping[str, Any]
    proxies: Proxies = NO_PROXIES

    def header(self, name: str) -> str | None:
        """The only header of that lower-case name; None where there is none, or two."""
        found = self._all(name)
        return found[0] if len(found) == 1 else None

    def count(self, name: str) -> int:
        """How many headers of that lower-case name there are."""
        return len(self._all(name))

    @cached_property
    def address(self) -> str:
        """Whence it comes, through trusted proxies only."""
        address = self._client.address
        return UNKNOWN_ADDRESS if address is None else str(address)

    @cached_property
    def secure(self) -> bool:
        """Whether the browser speaks TLS, to us or to a trusted proxy."""
        if self.scope.get("scheme") == "https":
            return True
        return self._client.scheme == "https"

    @cached_property
    def cookie_name(self) -> str:
        """Of the session's cookie."""
        server = self.scope.get("server")
        name = f"{COOKIE}-{server[1] if server else 0}"
        return f"__Host-{name}" if self.secure else name

    @cached_property
    def session_secret(self) -> str | None:
        """What the session's cookie holds; None where there is none, or two: then somebody else set
        one of them."""
        found = [
            value.strip()
            for header in self._all("cookie")
            for name, equals, value in (part.partition("=") for part in header.split(";"))
            if equals and name.strip() == self.cookie_name
        ]
        return found[0] if len(found) == 1 else None

    @property
    def changes(self) -> bool:
        """Whether the request may change something, by its method."""
        return self.scope["method"] not in _SAFE

    @property
    def only_listens(self) -> bool:
        """Whether it is a page's open ear for news, which tells nothing of who sits before it."""
        return "text/event-stream" in (self.header("accept") or "")

    @property
    def of_own_page(self) -> bool:
        """Whether a browser says that it comes from our own pages, or from no page at all; of what
        is no browser, true. A page of another port on this host is another origin although it is
        the same site: for cookies' SameSite it would pass."""
        site = self.header("sec-fetch-site")
        if site is not None:
            return site in _OWN_SITES
        if not self.count("origin"):
            return True
        origin, host = self.header("origin"), self.header("host")
        # RFC 6454 section 6.2: nothing stands behind the host and port.
        return bool(host) and (origin or "").partition("://")[2] == host

    @cached_property
    def _client(self) -> Client:
        peer = self.scope.get("client")
        return self.proxies.client(None if peer is None else peer[0], self.scope["headers"])

    def _all(self, name: str) -> list[str]:
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key == wanted]


def forged(visitor: Visitor, access: Access | None, token: str | None) -> bool:
    """Whether a change may come from a page elsewhere, to which a browser adds our cookie: one of
    another origin, or one that does not carry the token of the session's pages. Who sends a Bearer
    token needs neither: no browser does so by itself."""
    if not visitor.changes or visitor.count("authorization"):
        return False
    if not visitor.of_own_page:
        return True
    if access is None:
        return False
    given = (token or "").encode("utf-8", "surrogatepass")
    return not hmac.compare_digest(given, access.csrf.encode())
