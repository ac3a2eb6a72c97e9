"""The bulletin port: what the nodes on one store tell each other.

News are hints. They may be lost, doubled, or come late: whoever listens looks in the store, and
looks there now and then also when nothing was told. On a store with one node nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class Settled(msgspec.Struct, frozen=True, tag="settled"):
    """These executions have ended; somebody may wait for one on another node."""

    numbers: tuple[int, ...]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """These triggers have executions that may run, and which the teller leaves to others."""

    triggers: tuple[int, ...]


class CatalogChanged(msgspec.Struct, frozen=True, tag="catalog"):
    """An integration, API key, connection or secret is another."""


class CancelAsked(msgspec.Struct, frozen=True, tag="cancel"):
    """Somebody cancels an execution that runs on another node: whoever runs it ends it."""

    execution_no: int
    actor_name: str
    why: str


class Missed(msgspec.Struct, frozen=True, tag="missed"):
    """News may have been lost: look at everything. Nobody tells this; it is heard after the
    connection to the store came back."""


Told = Settled | Ready | CatalogChanged | CancelAsked
News = Told | Missed


class Bulletin(Protocol):
    """Both methods are called from the event loop's thread."""

    def tell(self, news: Told) -> None:
        """Tell the other nodes soon. Never waits and never fails; where too much waits to be told,
        the oldest is dropped."""
        ...

    def listen(self, hear: Callable[[News], None]) -> None:
        """From now on ``hear`` is given what other nodes tell, in the event loop's thread, as long
        as the store is open. Several may listen. It must not block, and what it raises is logged
        and forgotten."""
        ...


class Alone:
    """The bulletin of a store that only one node can open."""

    def tell(self, news: Told) -> None:
        """Nobody is there."""

    def listen(self, hear: Callable[[News], None]) -> None:
        """Nobody speaks."""
