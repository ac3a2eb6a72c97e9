"""Small types that shapes share: texts with rules, and what JSON has one writing for.

Pydantic by itself takes 0 for a boolean, "3" for a number and 0.5 for a time; the document says
otherwise, and a caller that errs should be told.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", re.ASCII)


def _number(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError("must be a number")
    return value


def _time(value: Any) -> Any:
    if not isinstance(value, str | date) or (isinstance(value, str) and not _TIME.match(value)):
        raise ValueError("must be written as RFC 3339 has it, such as 2027-06-30")
    return value


Flag = Annotated[bool, Field(strict=True)]
"""true or false, in a body."""
Whole = Annotated[int, Field(le=2**63 - 1), BeforeValidator(_number)]
"""A whole number that a store can hold, in a body."""
Number = Annotated[float, BeforeValidator(_number)]
"""A number, in a body."""
Day = Annotated[date, BeforeValidator(_time)]
"""``YYYY-MM-DD``."""
Instant = Annotated[datetime, BeforeValidator(_time)]
"""RFC 3339."""
SecretText = Annotated[str, Field(min_length=1, max_length=65_536)]
KeyText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=65_536,
        json_schema_extra={"minLength": 8, "maxLength": 512, "pattern": "^[\\x21-\\x7e]+$"},
        examples=["a-secret-of-your-own"],
    ),
]
"""A pasted API key; ``key_invalid`` says what is wrong with one."""
LabelText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
        examples=["web shop"],
    ),
]
"""As in the document: no control or format characters, no spaces at its ends."""
ConsumerText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\s/\x00-\x1f\x7f]([^/\x00-\x1f\x7f]*[^\s/\x00-\x1f\x7f])?$",
        examples=["ACME"],
    ),
]
"""A label without a slash."""
