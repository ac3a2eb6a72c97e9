"""``trigger.cors``: from which web pages browsers may call a trigger, and read its answers.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from firesteel.model.quantities import Duration, between
from firesteel.model.section import Section, refuse

ANYWHERE = "*"
DEFAULT_HEADERS = ("authorization", "content-type", "idempotency-key", "prefer", "x-api-key")
MOST = 100
_HOST = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_ORIGIN = re.compile(rf"(https?)://(?:{_HOST}|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def _origin(value: str) -> str:
    if value == ANYWHERE:
        return value
    found = _ORIGIN.fullmatch(value)
    if found is None:
        raise refuse(
            "url_invalid",
            "an origin is scheme, host in small letters and maybe a port, as browsers send it",
            "such as https://shop.example.com",
        )
    if found[2] == _DEFAULT_PORTS[found[1]]:
        raise refuse("url_invalid", "browsers leave the scheme's own port out", "leave it out")
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value) or value == ANYWHERE:
        raise refuse("header_invalid", "this is no name of a header", "such as x-session")
    return value


HeaderName = Annotated[str, AfterValidator(_header)]


class Cors(Section):
    """Browsers send a call of a page elsewhere, and show it the answer, only where this allows it.
    It keeps nobody else from calling: that is what authentication is for."""

    origins: Annotated[
        list[Annotated[str, AfterValidator(_origin)]], Field(min_length=1, max_length=MOST)
    ]
    """Origins of the pages, such as ``https://shop.example.com``; ``*`` alone: any."""
    headers: Annotated[list[HeaderName], Field(max_length=MOST)] = Field(
        default=list(DEFAULT_HEADERS)
    )
    """Headers that a page may send."""
    expose: Annotated[list[HeaderName], Field(max_length=MOST)] = Field(default_factory=list)
    """Headers of the answer that a page may read, beside those of Firesteel."""
    credentials: bool = False
    """Whether browsers may send what they keep for the host: HTTP Basic and client certificates."""
    max_age_s: Annotated[Duration, between("1s", "24h")] = Field(default=600.0, alias="max_age")
    """How long a browser need not ask again."""

    @property
    def anywhere(self) -> bool:
        """Whether any page may call."""
        return ANYWHERE in self.origins


def faults_of(cors: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Pointer within ``cors``, code, detail and hint of what does not hold between its keys."""
    origins = cors.get("origins")
    if not isinstance(origins, list) or ANYWHERE not in origins:
        return []
    hint = "name the origins"
    if cors.get("credentials") is True:
        detail = "with credentials no page of just any origin may call"
        return [("/credentials", "not_allowed", detail, hint)]
    if len(origins) > 1:
        return [("/origins", "not_allowed", "* stands alone: it is any origin", hint)]
    return []
