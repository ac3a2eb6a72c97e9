"""HTTP Basic (RFC 7617). Pairs of name and password are looked up by their keyed digest, as API
keys are, so the time it takes tells nothing about the pairs that are valid.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.gateway.engine_port import KeyDigests
    from firesteel.gateway.presented import Presented

LIMIT_BYTES: Final = 2048
_SCHEME: Final = b"basic "


class BasicWay:
    """``pairs``: label, user name, password."""

    name: ClassVar[str] = "basic"

    def __init__(self, pairs: Iterable[tuple[str, str, str]], keyring: KeyDigests) -> None:
        self._keyring = keyring
        self._labels = {
            keyring.digest(f"{name}:{password}".encode()): label for label, name, password in pairs
        }

    def consumer(self, presented: Presented) -> str | None:
        """The label of the pair that was sent, in UTF-8."""
        sent = presented.authorization(_SCHEME)
        if sent is None or len(sent) > LIMIT_BYTES:
            return None
        try:
            pair = base64.b64decode(sent, validate=True)
        except (binascii.Error, ValueError):
            return None
        return self._labels.get(self._keyring.digest(pair))
