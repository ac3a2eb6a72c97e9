"""What an engine is made of; put together by ``node``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firesteel.engine.clock import Clock
    from firesteel.engine.connections import Connections
    from firesteel.engine.definitions import Definitions
    from firesteel.engine.dispatch import Dispatcher
    from firesteel.engine.key_chest import KeyChest
    from firesteel.engine.keyring import Keyring
    from firesteel.engine.pool import Pool
    from firesteel.engine.public_address import PublicAddress
    from firesteel.engine.publications import Publications
    from firesteel.engine.questions import Questions
    from firesteel.engine.traffic import Traffic
    from firesteel.engine.waiters import Waiters
    from firesteel.settings import Settings
    from firesteel.store.alerts import Alerts
    from firesteel.store.bulk import BulkActs
    from firesteel.store.bulletin import Bulletin
    from firesteel.store.catalog import Catalog
    from firesteel.store.figures import Figures
    from firesteel.store.history import Archive, History
    from firesteel.store.jobs import Jobs
    from firesteel.store.journal import Journal
    from firesteel.store.nodes import Nodes
    from firesteel.store.people import People


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that an Engine works with. ``console``: the address by which people reach the
    admin port. ``name``: the node's among those that share the store;
    empty where none can."""

    settings: Settings
    clock: Clock
    chest: KeyChest
    keyring: Keyring
    catalog: Catalog
    history: History
    journal: Journal
    bulk: BulkActs
    people: People
    alerts: Alerts
    definitions: Definitions
    connections: Connections
    waiters: Waiters
    pool: Pool
    dispatcher: Dispatcher
    questions: Questions
    publications: Publications
    public: PublicAddress
    console: str
    figures: Figures
    traffic: Traffic
    bulletin: Bulletin
    jobs: Jobs
    nodes: Nodes
    archive: Archive
    name: str = ""
