"""Planted defect: the marker of a step with ``once`` is written after the effect is committed."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from firesteel.model.step_result import encode_result
from firesteel.worker.sql_connection import SqlPool, steps_table

GAP_S = 5.0  # between effect and marker, so that a kill finds it
once = SqlPool._once


def _once(self: Any, statements: Any, execution: str, place: str, running: Any) -> Any:
    self._make_markers()
    this = sa.and_(steps_table.c.execution == execution, steps_table.c.step == place)
    with self._together.begin() as connection:
        if connection.execute(sa.select(steps_table).where(this)).first():
            return once(self, statements, execution, place, running)
        results = [self._result(connection, item, running) for item in statements]
    time.sleep(GAP_S)
    with self._together.begin() as connection:
        row = {"execution": execution, "step": place, "result": encode_result(results)}
        connection.execute(steps_table.insert().values(row))
    return results


SqlPool._once = _once  # type: ignore[method-assign]
