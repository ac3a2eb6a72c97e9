"""What every shape of the REST API stands on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ManagedBy = Literal["files", "console"]
SecretText = Annotated[str, Field(min_length=1, max_length=65_536)]
LabelText = Annotated[str, Field(min_length=1, max_length=100, examples=["web shop"])]


class Shape(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently nothing."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class FaultShape(Shape):
    """A fault or warning at a pointer (RFC 6901) into a document."""

    pointer: str
    code: str
    detail: str
    hint: str = ""
