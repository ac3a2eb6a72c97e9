"""The rule of ``retention`` that holds between its keys: nothing outlives its message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firesteel.model.findings import mapping
from firesteel.model.quantities import parse_duration

if TYPE_CHECKING:
    from firesteel.model.findings import Findings

OUTLIVES = "payloads go with their message, so they are kept no longer than history"


def check_retention(document: dict[str, Any], findings: Findings) -> None:
    """Look at ``/retention`` as it was written. Where only one of the two stands there, the other
    comes from elsewhere, and what ends first counts."""
    kept = mapping(document.get("retention"))
    history_s, payloads_s = (_seconds(kept.get(name)) for name in ("history", "payloads"))
    if history_s is not None and payloads_s is not None and payloads_s > history_s:
        hint = "leave payloads out to keep them as long as history"
        findings.fault("/retention/payloads", "out_of_range", OUTLIVES, hint)


def _seconds(written: object) -> float | None:
    """None also for what is no duration: that is another rule's fault."""
    try:
        return parse_duration(written) if isinstance(written, str) else None
    except ValueError:
        return None
