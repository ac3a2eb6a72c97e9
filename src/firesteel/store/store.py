"""A store as a whole: its ports. What the rest of the node knows of SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Protocol

from firesteel.store.alerts import Alerts
from firesteel.store.bulk import BulkActs
from firesteel.store.bulletin import Bulletin
from firesteel.store.catalog import Catalog
from firesteel.store.figures import Figures
from firesteel.store.history import History
from firesteel.store.jobs import Jobs
from firesteel.store.journal import Journal
from firesteel.store.nodes import Nodes
from firesteel.store.people import People


class Store(Protocol):
    """An open store. Its ports share connections, and end with it."""

    @property
    def journal(self) -> Journal:
        """Accepts, claims, settles."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Integrations, keys, connections, settings."""
        ...

    @property
    def history(self) -> History:
        """Finds and shows messages, and lets them go."""
        ...

    @property
    def figures(self) -> Figures:
        """For charts."""
        ...

    @property
    def bulk(self) -> BulkActs:
        """Acts on many executions."""
        ...

    @property
    def people(self) -> People:
        """Who uses the admin port."""
        ...

    @property
    def alerts(self) -> Alerts:
        """Whom to tell of what, and what was told."""
        ...

    @property
    def bulletin(self) -> Bulletin:
        """What nodes tell each other."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Which node does a round of maintenance."""
        ...

    @property
    def nodes(self) -> Nodes:
        """Who works on it."""
        ...

    async def close(self) -> None:
        """Do what was begun, end the session, let go of the database. Safe to repeat."""
        ...
