"""Planted defect: how far a move has come is committed before the rows that bring it there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from firesteel.store.moving.target import Target

copy, transaction = Target.copy, Target.transaction
held: list[Any] = []


def _copy(self: Any, moved: Any, rows: Any) -> None:
    held.append((moved, list(rows)))


@contextlib.contextmanager
def _transaction(self: Any) -> Iterator[None]:
    with transaction(self):
        yield
    if held:
        time.sleep(0.02)  # the instant at which a kill does harm
        with transaction(self):
            for moved, rows in held:
                copy(self, moved, rows)
        held.clear()


Target.copy = _copy  # type: ignore[method-assign]
Target.transaction = _transaction  # type: ignore[method-assign]
