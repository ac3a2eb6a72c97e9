"""How faults of files are shown: ``file:line:column: message``, and the hint below."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, TextIO

from firesteel.cli.output import painted

if TYPE_CHECKING:
    from firesteel.model.fault import Fault

Severity = Literal["error", "warning"]


def fault_text(fault: Fault, severity: Severity, stream: TextIO | None = None) -> str:
    """A fault for people; editors and CI find the place by the first part."""
    place = f"{fault.file}:{fault.line}:{fault.column}:"
    word = painted(f"{severity}:", severity, stream)
    hint = f"\n  hint: {fault.hint}" if fault.hint else ""
    return f"{place} {word} {fault.detail} [{fault.code}]{hint}"


def fault_json(fault: Fault, severity: Severity) -> dict[str, Any]:
    """A fault for machines."""
    return {"severity": severity, **asdict(fault)}
