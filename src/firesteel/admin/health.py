"""Whether the node can do its work now, for balancers and for who looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine


def readiness(engine: Engine) -> tuple[bool, dict[str, Any]]:
    """True where calls are accepted; and what to show: ``refusal`` is the code that callers get
    with 503, ``workers`` how many worker processes take attempts: none on a gateway."""
    takes = engine.settings.role != "gateway"
    workers = sum(1 for worker in engine.workers() if worker["ready"]) if takes else 0
    body = {"ready": engine.accepting, "refusal": engine.refusal, "workers": workers}
    return engine.accepting, body
