"""Tells what becomes of the API key that a call brings, from the call's head to the answer of the
look-up: the file ``SECRET_WATCH`` gets a line for each call.

In a line stand how many bytes were looked up (one number for each look-up), and how often the
secret itself was compared with anything, hashed by Python or searched through.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.gateway import app

    key_of = app.key_of  # type: ignore[attr-defined]

    class Watched(bytes):
        """A secret that counts what is done to it."""

        touched = 0

        def _touch(self, how: str, *given: Any) -> Any:
            type(self).touched += 1
            return getattr(bytes, how)(self, *given)

    def _touching(how: str) -> Any:
        return lambda self, *given: self._touch(how, *given)

    for name in ("eq", "ne", "lt", "le", "gt", "ge", "hash", "contains", "getitem", "iter"):
        setattr(Watched, f"__{name}__", _touching(f"__{name}__"))
    for name in ("startswith", "endswith", "find", "index", "count"):
        setattr(Watched, name, _touching(name))

    class Keys:
        """The keys of the trigger, of which it is told what is looked up."""

        def __init__(self, keys: Any) -> None:
            self.keys = keys
            self.lengths: list[int] = []

        def get(self, digest: bytes) -> Any:
            self.lengths.append(len(digest))
            return self.keys.get(digest)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.keys, name)

    class Call:
        """The exchange, with the secret watched."""

        def __init__(self, exchange: Any) -> None:
            self.headers = exchange.headers
            self.named = {
                name: Watched(value) if name == b"x-api-key" else value
                for name, value in exchange.named.items()
            }

    def _watched(exchange: Any, keys: Any, keyring: Any, now_us: int) -> Any:
        Watched.touched, seen = 0, Keys(keys)
        found = key_of(Call(exchange), seen, keyring, now_us)
        with Path(os.environ["SECRET_WATCH"]).open("a") as file:
            file.write(f"looked up {seen.lengths}, touched {Watched.touched}\n")
        return found

    app.key_of = _watched  # type: ignore[attr-defined]
