"""Planted defect: an execution uses the version that is the newest when it starts."""

from __future__ import annotations

from typing import Any

import msgspec

from firesteel.engine.dispatch import Dispatcher

claimed = Dispatcher.claimed


def _claimed(self: Any, claims: Any) -> None:
    claimed(self, [_of_the_newest(self._definitions._plans, claim) for claim in claims])


def _of_the_newest(plans: Any, claim: Any) -> Any:
    known = [
        version_no
        for version_no, plan in plans.items()
        if plan.definition.trigger_no == claim.trigger_no
    ]
    return msgspec.structs.replace(claim, version_no=max([claim.version_no, *known]))


Dispatcher.claimed = _claimed  # type: ignore[method-assign]
