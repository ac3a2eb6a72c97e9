"""Whether the node can do its work now, for balancers and for who looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine

NO_WORKERS: Final = "no_workers"
NO_WORKERS_S: Final = 3.0
"""A worker that ends is started anew within a second: that is nobody's business."""


def readiness(engine: Engine) -> tuple[bool, dict[str, Any]]:
    """True where calls are accepted and run; and what to show: ``refusal`` is the code that callers
    get with 503, ``reason`` why the node is not ready: that code; ``node_stopping`` while calls are
    still accepted, but not for long; ``node_starting`` while the project folder is applied; or
    ``no_workers`` where calls are accepted, but nothing runs them.
    ``workers``: worker processes that take attempts, none on a gateway."""
    takes = engine.settings.runs_attempts
    workers = sum(1 for worker in engine.workers() if worker["ready"]) if takes else 0
    alone = engine.without_workers_s > NO_WORKERS_S
    reason = engine.unready or (NO_WORKERS if alone else None)
    body = {
        "ready": reason is None,
        "refusal": engine.refusal,
        "reason": reason,
        "workers": workers,
    }
    return reason is None, body
