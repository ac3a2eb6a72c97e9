"""Entity tags of integrations: ``"3"`` is published version 3, ``"d<revision>"`` a draft."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from firesteel.engine.drafts import Expected
from firesteel.errors import CallerError

IfMatch = Annotated[
    str | None,
    Header(
        description="The ETag that the change is based on; refused unless it is still the one.",
        examples=['"3"'],
    ),
]

_ETAG = re.compile(r'(?:W/)?"(d?)([0-9]{1,18})"')


class Condition(Expected):
    """An If-Match header as it was read."""

    def version_or_refuse(self) -> int | None:
        """For what has versions only. Raises CallerError ``changed_meanwhile``."""
        if self.revision is not None:
            raise _foreign()
        return self.version

    def revision_or_refuse(self) -> int | None:
        """For what is a draft only. Raises CallerError ``changed_meanwhile``."""
        if self.version is not None:
            raise _foreign()
        return self.revision


def expected(if_match: str | None) -> Condition:
    """What If-Match asks for; nothing where it is absent or ``*``. Raises CallerError
    ``changed_meanwhile`` for a tag that is none of ours."""
    if if_match is None or if_match.strip() == "*":
        return Condition()
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise _foreign()
    number = int(match.group(2))
    return Condition(revision=number) if match.group(1) else Condition(version=number)


def version_etag(version: int) -> str:
    """Of a published version."""
    return f'"{version}"'


def draft_etag(revision: int) -> str:
    """Of a draft."""
    return f'"d{revision}"'


def _foreign() -> CallerError:
    return CallerError("If-Match is not an ETag of this resource", code="changed_meanwhile")
