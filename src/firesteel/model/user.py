"""Users of the admin port: what a name and a password must be."""

from __future__ import annotations

import re

from firesteel.errors import CallerError

LONGEST_NAME = 64
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256

_LEAST_DIFFERENT = 4

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)


def user_name(text: str) -> str:
    """A name as it is kept: in lower case, so that nobody is taken for somebody else.

    Raises CallerError ``name_invalid``.
    """
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise CallerError(
            "a user's name has 1 to 64 letters, digits and . _ - + @, and begins with a letter or "
            "digit",
            code="name_invalid",
        )
    return name


def check_password(password: str, name: str) -> None:
    """Raises CallerError ``password_weak``. Length is what counts (NIST SP 800-63B, 3.1.1.2): no
    mixture of kinds of characters is asked for."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise CallerError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
            code="password_weak",
        )
    bare = password.lower().replace(name, "") if name else password
    if len(set(bare)) < _LEAST_DIFFERENT:
        raise CallerError(
            "the password is the user's name, or the same few characters again and again",
            code="password_weak",
        )
