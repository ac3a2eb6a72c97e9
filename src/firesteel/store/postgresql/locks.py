"""PostgreSQL's advisory locks by what they are for: one number each, the same on every node."""

from __future__ import annotations

import hashlib
from typing import Final


def number_of(name: str) -> int:
    """The lock of that name, which is one of the database's."""
    digest = hashlib.blake2b(f"firesteel/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


CHANGES: Final = number_of("changes")
"""Held by each change of the catalog and the like: they are made one after the other."""

MIGRATION: Final = number_of("migration")
"""Held by whoever brings the tables to another form."""
