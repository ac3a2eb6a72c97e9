"""The filters of a page's address as a selection of messages, and back into addresses."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError

from firesteel.admin import shapes
from firesteel.errors import CallerError

Query = TypeVar("Query", bound=shapes.Shape)


def read_query(request: Request, kind: type[Query]) -> Query:
    """What the form of filters sent; a field that was left empty is not given. Raises CallerError
    ``invalid_request``."""
    return read_fields(request.query_params, kind)


def read_fields(given: Mapping[str, Any], kind: type[Query]) -> Query:
    """The same of the fields of a form; those that the shape does not know are another's."""
    known = kind.model_fields
    values = {
        name: value for name, value in given.items() if name in known and value not in ("", None)
    }
    return shaped(kind, **values)


def shaped(kind: type[Query], **values: Any) -> Query:
    """What a page makes of its address and form for the REST API to take. Raises CallerError
    ``invalid_request`` with every fault."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = (f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        raise CallerError("; ".join(faults), code="invalid_request") from error


def selection_fields(selection: shapes.MessageSelection) -> dict[str, str]:
    """The conditions that are given, as a form sends them."""
    fields = selection.model_dump(mode="json", include=set(shapes.MessageSelection.model_fields))
    given = {name: value for name, value in fields.items() if value not in (None, False)}
    return {name: "true" if value is True else str(value) for name, value in given.items()}


def address(path: str, fields: Mapping[str, str]) -> str:
    """A path with these fields behind the ``?``."""
    return f"{path}?{urllib.parse.urlencode(fields)}" if fields else path


def described(selection: shapes.MessageSelection) -> list[tuple[str, str]]:
    """The conditions in words, for people."""
    words = {
        "integration": "integration",
        "state": "state",
        "consumer": "consumer",
        "received_from": "received from",
        "received_until": "received before",
        "sequence": "sequence",
        "search_name": "search name",
        "search_value": "search value",
        "failure_code": "failure",
        "unrepeated": "not replayed since",
    }
    return [(words[name], value) for name, value in selection_fields(selection).items()]
