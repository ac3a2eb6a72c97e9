"""``${NAME}`` in texts: a secret of the workspace, or a variable of the node's environment.

A name is of letters, digits and ``_`` and does not begin with a digit. ``$${`` writes ``${``
itself. What is put in is never looked at again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from firesteel.errors import AuthorError

if TYPE_CHECKING:
    from collections.abc import Callable

ADVISED_BYTES = 16
"""A secret of fewer may be guessed by whoever has seen what it signed, or tries long enough."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


class ReferenceMissing(AuthorError):
    """``names`` are neither secrets of the workspace nor in the environment."""

    code = "reference_missing"

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"not set: {', '.join(f'${{{name}}}' for name in names)}")
        self.names = names


class ReferenceInvalid(AuthorError):
    """``${...}`` is not closed or does not hold a name."""

    code = "reference_invalid"


def references(text: str) -> list[str]:
    """The names that a text refers to, in order, each once. Raises ReferenceInvalid."""
    names: dict[str, None] = {}
    for match in _REFERENCE.finditer(text):
        if match.group() == "$${":
            continue
        if not match.group(2) or not _NAME.fullmatch(match.group(1)):
            raise ReferenceInvalid("${...} holds a name of letters, digits and _; $${ writes ${")
        names[match.group(1)] = None
    return list(names)


def resolve(text: str, lookup: Callable[[str], str | None]) -> str:
    """The text with every ``${NAME}`` replaced by ``lookup(NAME)``.

    Raises ReferenceMissing with all names for which ``lookup`` yields None, and ReferenceInvalid.
    """
    names = references(text)
    values = {name: lookup(name) for name in names}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ReferenceMissing(missing)
    return _REFERENCE.sub(lambda match: values.get(match.group(1)) or _plain(match), text)


def _plain(match: re.Match[str]) -> str:
    return "${" if match.group() == "$${" else ""
