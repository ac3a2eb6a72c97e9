"""How long a body of the admin port may be: a document, or what has a payload in it.

A document has 1 MiB of text at most, which JSON may write longer. Who tries something, or replays
what a person has edited, sends a message's body along, in JSON or base64. All of it is read in the
event loop, so that it is bounded (P27).
"""

from __future__ import annotations

from typing import Final

DOCUMENTS_LIMIT_BYTES: Final = 4 * 1024 * 1024
PAYLOADS_LIMIT_BYTES: Final = 8 * 1024 * 1024
_WITH_PAYLOADS: Final = frozenset({b"try", b"preview", b"replay"})


def body_limit(raw_path: bytes) -> int:
    """Bytes, for a path as it was sent."""
    last = raw_path.rpartition(b"/")[2]
    return PAYLOADS_LIMIT_BYTES if last in _WITH_PAYLOADS else DOCUMENTS_LIMIT_BYTES
