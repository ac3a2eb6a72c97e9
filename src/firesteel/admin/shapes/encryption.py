"""Shapes of the encryption key: how it stands, and what a change of it gives."""

from __future__ import annotations

from datetime import datetime

from firesteel.admin.shapes.base import Shape


class EncryptionShape(Shape):
    """The keys under which secrets are kept. A key is named by its id, which tells nothing."""

    key: str
    """Id of the encryption key of the node that answers."""
    key_in_file: bool
    """It lies in the data directory; otherwise it is the setting `encryption_key`."""
    at_once: bool
    """A change of the key is over at once: a node alone whose key lies in its data directory."""
    data_keys_since: datetime | None
    """When the data keys in use were made; null: by a release that had none."""
    next_key: str | None
    """Id of the key that is about to take over; both open the store until the change is
    finished."""
    nodes_left: list[str]
    """The nodes that do not have the next key yet."""
    to_reseal: int
    """Secrets that older data keys have sealed; they are readable."""


class RotatedShape(Shape):
    """A change of the encryption key that was begun, or is over."""

    finished: bool
    next_key: str | None
    """The next key in clear, for every node to be given, where the change is not over. It is
    shown this once."""
    former_file: str | None
    """The file in the data directory that the key before is kept in, for back-ups made before."""
