"""How many connections a listener holds at once: in all, and of one address.

What is over it is told so, 503, and closed; when too many have to be told at once, the rest is only
closed. An address of IPv6 counts with all others of its /64, which one customer has to himself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from firesteel.model.forwarded import Proxies, address_of

if TYPE_CHECKING:
    from firesteel.model.forwarded import IPAddress

# Of connections that are over the limit: how many hear of it at once, each for two seconds.
TURNED_AWAY_LIMIT: Final = 256
_UNLIMITED: Final = 1_000_000_000
_UNCOUNTED: Final = b""


class Entry(NamedTuple):
    """``key``: by which its place is given back; None: it has none, and is ``told`` so or not."""

    key: bytes | None
    told: bool = False


class Places:
    """Used from the event loop's thread. ``proxies``: of those any number may come, since they
    bring many callers."""

    __slots__ = ("_of_each", "_proxies", "in_all", "of_one", "taken", "turned_away", "turning_away")

    def __init__(
        self,
        in_all: int = _UNLIMITED,
        of_one: int = _UNLIMITED,
        proxies: Proxies | None = None,
    ) -> None:
        self.in_all = in_all
        self.of_one = of_one
        self.taken = 0
        self.turning_away = 0
        self.turned_away = 0
        self._proxies = proxies or Proxies()
        self._of_each: dict[bytes, int] = {}

    def enter(self, peer: str | None) -> Entry:
        """A connection from there has come; ``leave`` must follow."""
        key = self.take(peer)
        return Entry(key) if key is not None else Entry(None, self.turn_away())

    def leave(self, entry: Entry) -> None:
        """It has gone."""
        if entry.key is not None:
            self.give_back(entry.key)
        elif entry.told:
            self.turned()

    def take(self, peer: str | None) -> bytes | None:
        """A place for a connection from there, by which it is given back; None: there is none."""
        key = self._key(peer)
        of_it = self._of_each.get(key, 0)
        if self.taken >= self.in_all or of_it >= self.of_one:
            return None
        self.taken += 1
        if key != _UNCOUNTED:
            self._of_each[key] = of_it + 1
        return key

    def give_back(self, key: bytes) -> None:
        """The connection has gone."""
        self.taken -= 1
        if key != _UNCOUNTED:
            self._of_each[key] -= 1
            if not self._of_each[key]:
                del self._of_each[key]

    def turn_away(self) -> bool:
        """Whether one that has no place can be told so; ``turned`` is called when it has gone."""
        self.turned_away += 1
        if self.turning_away >= TURNED_AWAY_LIMIT:
            return False
        self.turning_away += 1
        return True

    def turned(self) -> None:
        """One that was told has gone."""
        self.turning_away -= 1

    def _key(self, peer: str | None) -> bytes:
        address: IPAddress | None = address_of(peer or "")
        if address is None or self._proxies.trusts(address):
            return _UNCOUNTED
        return address.packed if address.version == 4 else address.packed[:8]
