"""Planted defect: what steps returned is left behind when a message is erased."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.store.sql import erasing

    delete_payloads = erasing.delete_payloads  # type: ignore[attr-defined]

    class _Forgetful:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def executemany(self, text: str, rows: Any) -> Any:
            if not text.startswith("DELETE FROM entry"):
                return self._connection.executemany(text, rows)
            return None

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    def _delete(connection: Any, *given: Any) -> None:
        delete_payloads(_Forgetful(connection), *given)

    erasing.delete_payloads = _delete  # type: ignore[attr-defined]
