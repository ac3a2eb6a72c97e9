"""Request ids: they find a call in the logs, also where no message came of it."""

from __future__ import annotations

import itertools
import re
import secrets

# Safe in a header, in a log line and in a URN (RFC 8141 section 2.2).
_SANE = re.compile(rb"[A-Za-z0-9._~+=:@/-]{1,128}")


class RequestIds:
    """Ids unique to this process: a random prefix and a number, which is cheaper than a random
    id for each call and says in which order calls came."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6).encode()
        self._numbers = itertools.count(1)

    def new(self) -> bytes:
        """A new id."""
        return b"%b-%x" % (self._prefix, next(self._numbers))

    def taken_over(self, sent: bytes | None) -> bytes:
        """The caller's own id where it is sane, else a new one."""
        if sent is not None and _SANE.fullmatch(sent):
            return sent
        return self.new()
