"""Documents of connections for readers who may not change them: without what could be a secret.

Secrets should stand as ``${NAME}``; one that was written in clear is for administrators alone.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "•••"
# A password reaches to the last @: one that holds @, / or ? in clear is hidden whole.
_PASSWORD = re.compile(r"(?P<before>://[^/?#@:]*:)(?P<value>.*)(?P<after>@)", re.DOTALL)
_OPTION = re.compile(r"(?P<before>[?&][^=&]*=)(?P<value>[^&]*)(?P<after>)", re.DOTALL)
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


def masked_url(url: str) -> str:
    """A database's address without a password, or an option that may be one, in clear."""
    return _OPTION.sub(_hidden, _PASSWORD.sub(_hidden, url))


def _hidden(found: re.Match[str]) -> str:
    value = found["value"]
    shown = value if not value or _REFERENCE.fullmatch(value) else MASK
    return f"{found['before']}{shown}{found['after']}"


def _masked(value: str) -> str:
    return value if _REFERENCES.fullmatch(value) else MASK
