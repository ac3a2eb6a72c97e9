"""The databases that a ``sql`` URL may name: SQLAlchemy's own, and those of installed packages.

Packages are asked by their metadata alone: no code of theirs is imported, for the engine reads
connections too.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

OWN_DIALECTS: Final = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
_GROUP = "sqlalchemy.dialects"


def known_dialects() -> tuple[str, ...]:
    """The names before ``+`` or ``:`` of a URL, SQLAlchemy's own first."""
    names = {entry.name.partition(".")[0] for entry in entry_points(group=_GROUP)}
    return (*OWN_DIALECTS, *sorted(names - set(OWN_DIALECTS)))
