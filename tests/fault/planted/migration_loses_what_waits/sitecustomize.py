"""Planted defect: a migration takes what waits for its next attempt for failed."""

from __future__ import annotations

from typing import Any

from alembic import command

_upgrade = command.upgrade


def _losing(config: Any, revision: str) -> None:
    _upgrade(config, revision)
    config.attributes["connection"].exec_driver_sql(
        "UPDATE execution SET state = 'failed', turn = false, due_at_us = NULL "
        "WHERE state = 'waiting' AND due_at_us IS NOT NULL AND lane_key IS NULL"
    )


command.upgrade = _losing
