"""What every shape of the REST API stands on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

ManagedBy = Literal["files", "console"]
StateName = Literal["waiting", "running", "succeeded", "failed", "cancelled", "skipped"]
ReasonName = Literal["turn", "slot", "retry_at", "paused"]


class Shape(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently nothing."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class FaultShape(Shape):
    """A fault or warning at a pointer (RFC 6901) into a document."""

    pointer: str
    code: str
    detail: str
    hint: str = ""


class FailureShape(Shape):
    """Why an attempt did not succeed."""

    kind: Literal["transient", "permanent", "unknown"]
    code: str
    detail: str
    step: str | None
    faults: list[FaultShape]
    trace: str
    """For who may see payloads; empty for others."""
