"""The base of every mapping in a document, and the small types that its keys share.

Documents are read strictly: no key that is not known, no text for a number or the other way round.
A key whose value is null counts as left out. Both hold where a document is read, that is with a
``Reading`` as pydantic's context; Python code that makes these objects passes plain values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from firesteel.model.api_key import CONSUMER_NAME, LABEL
from firesteel.model.path import Path, PathError
from firesteel.model.template import TemplateError, whole_expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core.core_schema import ValidationInfo

Json = Any
"""A JSON value, expressions included."""

MODULE_FUNCTION = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
INTEGRATION_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
IDENTIFIER = r"^[A-Za-z0-9_]{1,64}$"
CONNECTION_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

_DATE = re.compile(DATE, re.ASCII)


@dataclass(slots=True)
class Reading:
    """What is noted while a document is read: the class of each mapping met, by identity, so that
    an unknown key can be told which keys there are.
    """

    seen: dict[int, type[Section]] = field(default_factory=dict)


class Section(BaseModel):
    """One mapping of a document: unknown keys are faults, instances do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict) or not isinstance(info.context, Reading):
            return data
        info.context.seen[id(data)] = cls
        return cls.normalised({key: value for key, value in data.items() if value is not None})

    @classmethod
    def normalised(cls, written: dict[str, Any]) -> dict[str, Any]:
        """The mapping with its short forms written out; ``written`` may be altered."""
        return written

    @classmethod
    def keys(cls) -> list[str]:
        """The keys that may stand in the file, in their order."""
        return [field_.alias or name for name, field_ in cls.model_fields.items()]


def refuse(code: str, detail: str, hint: str = "") -> PydanticCustomError:
    """A validation error with one of ``fault.CODES``."""
    return PydanticCustomError(
        code,
        "{detail}",
        {"detail": detail, "hint": hint},
    )


def matching(pattern: str, code: str, detail: str, hint: str = "") -> AfterValidator:
    """Texts that match ``pattern`` (ASCII) as a whole."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise refuse(code, detail, hint)
        return value

    return AfterValidator(check)


def is_date(text: object) -> bool:
    """Whether this is a text ``YYYY-MM-DD`` of a day that exists."""
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _date(value: str) -> str:
    if not is_date(value):
        raise refuse("date_invalid", "a date is written YYYY-MM-DD", "such as 2027-06-30")
    return value


def _path(value: str) -> str:
    try:
        Path.parse(value)
    except PathError as error:
        raise refuse("path_invalid", str(error), error.hint) from error
    return value


def expression_hint(value: str) -> str:
    """How to write a text as an expression."""
    return f'write "{{% {value} %}}"' if len(value) <= 60 and '"' not in value else ""


def _expression(value: str) -> str:
    try:
        source = whole_expression(value)
    except TemplateError:
        return value  # reported with all other expressions of the document
    if source is None:
        detail = "an expression between {% and %} is needed here, and nothing beside it"
        raise refuse("expression_missing", detail, expression_hint(value))
    return value


def expression_or(*kinds: type) -> Callable[[Any], Any]:
    """A check of values that are one expression, or of one of ``kinds``."""
    names = {int: "a number", list: "a list"}

    def check(value: Any) -> Any:
        if isinstance(value, str):
            return _expression(value)
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = "".join(f"{names[kind]} or " for kind in kinds)
            raise refuse("wrong_type", f"must be {wanted}an expression between {{% and %}}")
        return value

    return check


_MOST: Final = 1_000_000_000

Count = Annotated[int, Field(ge=1, le=_MOST)]
Text = Annotated[str, Field(min_length=1, max_length=1_000_000)]
DateText = Annotated[str, AfterValidator(_date), Field(json_schema_extra={"pattern": DATE})]
PathText = Annotated[str, AfterValidator(_path), Field(min_length=1)]
ExpressionText = Annotated[str, BeforeValidator(expression_or())]
Label = Annotated[
    str,
    matching(
        LABEL,
        "name_invalid",
        "a label has 1 to 100 characters, no control characters, no spaces at its ends",
    ),
    Field(min_length=1, max_length=100),
]
ConsumerName = Annotated[
    str,
    matching(
        CONSUMER_NAME,
        "name_invalid",
        "a consumer's name has 1 to 100 characters, no slash, no control characters, no spaces at "
        "its ends",
    ),
    Field(min_length=1, max_length=100),
]
IntegrationName = Annotated[
    str,
    matching(
        INTEGRATION_NAME,
        "name_invalid",
        "a name has 1 to 64 of letters, digits, - _ . and begins with a letter or digit",
    ),
    Field(json_schema_extra={"pattern": INTEGRATION_NAME}),
]
Identifier = Annotated[
    str,
    matching(IDENTIFIER, "name_invalid", "a name has 1 to 64 of letters, digits and _"),
    Field(json_schema_extra={"pattern": IDENTIFIER}),
]
ConnectionName = Annotated[
    str,
    matching(
        CONNECTION_NAME,
        "name_invalid",
        "the name of a connection has 1 to 64 of letters, digits, _ and -",
    ),
    Field(json_schema_extra={"pattern": CONNECTION_NAME}),
]
FunctionText = Annotated[
    str,
    matching(
        MODULE_FUNCTION,
        "function_invalid",
        "a function is written module:function",
        "such as pricing:item_price",
    ),
    Field(json_schema_extra={"pattern": MODULE_FUNCTION}),
]
