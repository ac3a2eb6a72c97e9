"""Percent-encoding as Python's own readers, to which ours are compared, want to have it."""

from __future__ import annotations

import re


def wholly_escaped(data: bytes) -> str:
    """The same with every byte beyond ASCII escaped: of a character half may be sent escaped and
    half as it is, which our readers take as they take what is wholly either."""
    return re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], data).decode()
