"""Documents of connections and channels of alerts for readers who may not change them: without what
could be a secret.

Secrets should stand as ``${NAME}``; one that was written in clear is for administrators alone.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "•••"
# A password reaches to the last @: one that holds @, / or ? in clear is hidden whole.
_PASSWORD = re.compile(r"(?P<before>://[^/?#@:]*:)(?P<value>.*)(?P<after>@)", re.DOTALL)
_OPTION = re.compile(r"(?P<before>[?&][^=&]*=)(?P<value>[^&]*)(?P<after>)", re.DOTALL)
# A post's address is as good as a secret from its path on.
_POST_URL = re.compile(r"(?P<before>https?://[^/?#]*/)(?P<path>.*)", re.DOTALL)
_IN_CLEAR = re.compile(r"(\$\{[^}]*\})|([^$]+|\$)")
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_REFERENCES = re.compile(r"(Basic |Bearer )?(\$\{[^}]*\})+", re.IGNORECASE)


def masked_document(document: dict[str, Any]) -> dict[str, Any]:
    """A connection's document without passwords and options in its database URL and without the
    values of its headers; references stay."""
    shown = dict(document)
    if isinstance(shown.get("sql"), str):
        shown["sql"] = masked_url(shown["sql"])
    if isinstance(shown.get("headers"), dict):
        shown["headers"] = {name: _masked(str(value)) for name, value in shown["headers"].items()}
    return shown


def masked_alerts(document: dict[str, Any]) -> dict[str, Any]:
    """A document of alerts whose channels show in clear no password, no secret, no address behind
    its host and no header's value; references stay."""
    channels = document.get("channels") or {}
    return {**document, "channels": {name: _channel(item) for name, item in channels.items()}}


def _channel(document: dict[str, Any]) -> dict[str, Any]:
    shown = dict(document)
    for name in ("password", "secret"):
        if name in shown:
            shown[name] = _masked(str(shown[name]))
    for name in ("slack", "webhook"):
        if name in shown:
            shown[name] = _masked_post(str(shown[name]))
    if isinstance(shown.get("headers"), dict):
        shown["headers"] = {name: _masked(str(value)) for name, value in shown["headers"].items()}
    return shown


def _masked_post(url: str) -> str:
    found = _POST_URL.fullmatch(url)
    if found is None:
        return url if "://" in url else _masked(url)
    return found["before"] + _IN_CLEAR.sub(lambda part: part[1] or MASK, found["path"])


def masked_url(url: str) -> str:
    """A database's address without a password, or an option that may be one, in clear."""
    return _OPTION.sub(_hidden, _PASSWORD.sub(_hidden, url))


def _hidden(found: re.Match[str]) -> str:
    value = found["value"]
    shown = value if not value or _REFERENCE.fullmatch(value) else MASK
    return f"{found['before']}{shown}{found['after']}"


def _masked(value: str) -> str:
    return value if _REFERENCES.fullmatch(value) else MASK
