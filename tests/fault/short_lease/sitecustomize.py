"""A lease of three seconds, renewed every second: nodes outlive it often in a short test.

Each module is changed when the process itself loads it. To load them here would make every start of
an engine longer than it is, before its ports can say 503.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LEASE_S = 3.0
LEASE_US = int(LEASE_S * 1e6)


def shorten_sessions(sessions: Any) -> None:
    sessions._LAST_SEEN = sessions._LAST_SEEN.replace(str(sessions._LEASE_US), str(LEASE_US))
    sessions._LEASE_US = LEASE_US


def believe_it(writer: Any) -> None:
    writer.LEASE_S = LEASE_S


def renew_sooner(housekeeping: Any) -> None:
    housekeeping.LEASE_S = 1.0


def wait_less(ledger: Any) -> None:
    ledger.GRACE_S = 1.0


CHANGES: dict[str, Callable[[Any], None]] = {
    "firesteel.store.postgresql.sessions": shorten_sessions,
    "firesteel.store.postgresql.writer": believe_it,
    "firesteel.store.postgresql.ledger": wait_less,
    "firesteel.engine.housekeeping": renew_sooner,
}


class WhenLoaded(importlib.abc.MetaPathFinder):
    """Changes modules behind their loading."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """That of the other finders, whose loader is followed by the change."""
        change = CHANGES.pop(name, None)
        spec = None if change is None else importlib.util.find_spec(name)
        if change is None or spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            change(module)

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, WhenLoaded())
