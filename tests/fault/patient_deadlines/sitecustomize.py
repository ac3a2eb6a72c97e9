"""No connection is too slow, however busy the machine: bodies that stop stay where they are."""

from __future__ import annotations

from firesteel.gateway.deadlines import Deadlines

PATIENT = {"head_s": 3600.0, "idle_s": 3600.0, "body_s": 3600.0, "body_grace_s": 3600.0}
_init = Deadlines.__init__


def _patient(self: Deadlines, **given: float) -> None:
    _init(self, **{**PATIENT, **given})


Deadlines.__init__ = _patient  # type: ignore[method-assign, assignment]
