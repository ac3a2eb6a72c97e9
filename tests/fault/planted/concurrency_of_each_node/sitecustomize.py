"""Planted defect: a node does not look at how many executions of a trigger other nodes run."""

from __future__ import annotations

from typing import Any

from firesteel.store.postgresql.mirror import SharedTrigger

rule = SharedTrigger.rule


def _rule(self: Any, concurrency: int, *rest: Any) -> None:
    elsewhere = getattr(self, "elsewhere", 0)  # not known while the trigger is made
    rule(self, concurrency + elsewhere, *rest)


SharedTrigger.rule = _rule  # type: ignore[method-assign]
