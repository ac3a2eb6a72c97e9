"""Planted defect: the id of a key stands before a secret that no key has sealed."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.engine.keyring import Ring

    def _seal(self: Ring, secret: bytes, _purpose: str) -> bytes:
        return b"\x01" + self.keys.current.id + bytes(12) + secret

    def _open(_self: Ring, sealed: bytes, _purpose: str) -> bytes:
        return sealed[17:]

    Ring.seal = _seal  # type: ignore[method-assign]
    Ring.open = _open  # type: ignore[method-assign]
