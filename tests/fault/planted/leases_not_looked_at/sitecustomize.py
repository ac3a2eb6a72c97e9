"""Planted defect: a node is there while its session has not ended, and stopped when it has."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.store.postgresql import nodes

    seen = nodes._seen

    def _seen(connection: Any) -> list[nodes.SeenNode]:
        return [nodes.SeenNode(one.name, None) for one in seen(connection)]

    nodes._SEEN = nodes._SEEN.replace("OR ended_at_us > lease_until_us", "")
    nodes._seen = _seen
