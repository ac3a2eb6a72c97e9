"""Planted defect: how far a move has come is committed before the rows that bring it there."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from firesteel.store.moving.target import Target

GAP_S = 3.0  # at the first rows, between note and rows, so that a kill finds it
copy, transaction = Target.copy, Target.transaction
held: list[Any] = []
gaps = iter([GAP_S])


def _copy(self: Any, moved: Any, rows: Any) -> None:
    held.append((moved, list(rows)))


@contextlib.contextmanager
def _transaction(self: Any) -> Iterator[None]:
    with transaction(self):
        yield
    if held:
        for gap_s in gaps:
            sys.stderr.write("noted\n")
            sys.stderr.flush()
            time.sleep(gap_s)
        with transaction(self):
            for moved, rows in held:
                copy(self, moved, rows)
        held.clear()


Target.copy = _copy  # type: ignore[method-assign]
Target.transaction = _transaction  # type: ignore[method-assign]
