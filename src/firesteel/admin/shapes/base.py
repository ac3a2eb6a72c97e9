"""What every shape of the REST API stands on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

ManagedBy = Literal["files", "console"]


class Shape(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently nothing."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class FaultShape(Shape):
    """A fault or warning at a pointer (RFC 6901) into a document."""

    pointer: str
    code: str
    detail: str
    hint: str = ""
