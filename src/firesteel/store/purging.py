"""By what nodes purge: settings of their own, which each notes in the store for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.settings import Settings

NOTED_AS: Final = "retention_of "
"""A setting of the store for each node: when it said so by the store's clock, and what."""
NOTED_FOR_S: Final = 86_400
"""For so long it counts what a node has said: one that archives is missed while it is replaced."""
TURN: Final = "retention_turn"
"""A setting of the store: when a node that may purge last did so, by the store's clock."""


class Purging(msgspec.Struct, frozen=True):
    """What a node was started with: it holds where neither an integration nor its workspace says
    anything else. ``archive_dir``: as it was set; empty for the data directory's own."""

    retention_days: int
    archive: bool
    archive_dir: str

    @classmethod
    def by(cls, settings: Settings) -> Purging:
        """What a node with these settings purges by."""
        archive_dir = str(settings.archive_dir or "")
        return cls(settings.retention_days, settings.archive == "on", archive_dir)

    def differs(self, other: Purging) -> list[str]:
        """The settings that are not the same."""
        mine, its = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return [name for name in mine if mine[name] != its[name]]


def noted(rows: Iterable[tuple[str, str]], now_us: int) -> dict[str, Purging]:
    """What the settings ``NOTED_AS`` of the store say, as far as it counts at that time of the
    store's clock, by node."""
    found = {}
    for name, value in rows:
        at_us, _, said = value.partition(" ")
        if now_us - int(at_us) < NOTED_FOR_S * 1_000_000:
            found[name.removeprefix(NOTED_AS)] = msgspec.json.decode(said, type=Purging)
    return found
