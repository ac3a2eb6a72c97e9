"""Accepting where each question to the tables is a journey: keys are asked for together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from firesteel.store.journal import NewMessage
from firesteel.store.ledger.appends import Appends, KeyName
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import Mirror
from firesteel.store.ledger.pen import Pen, Row
from firesteel.store.postgresql.arrays import numbers, texts
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.statements import Statements

_KNOWN: Final = """
SELECT i.trigger_no, i.consumer, i.key, i.message_id, i.sequence, i.execution_no, i.fingerprint,
    i.expires_at_us
FROM unnest(?::BIGINT[], ?::TEXT[], ?::TEXT[]) AS v (trigger_no, consumer, key)
JOIN idempotency AS i
    ON i.trigger_no = v.trigger_no AND i.consumer = v.consumer AND i.key = v.key
"""


class SharedAppends(Appends):
    """Told of all keys of a transaction before its first append."""

    def __init__(self, mirror: Mirror, claims: Claims, pen: Pen) -> None:
        self._known: dict[KeyName, Row] = {}
        self._asked: frozenset[KeyName] = frozenset()
        super().__init__(mirror, claims, pen, Statements(POSTGRESQL))

    def learn_keys(self, news: Iterable[NewMessage]) -> None:
        """Ask for the keys of these, whose triggers are held."""
        names = {
            (new.trigger_no, new.message.consumer or "", new.idempotency.key)
            for new in news
            if new.idempotency is not None
        }
        self._known, self._asked = {}, frozenset(names)
        if names:
            trigger, consumer, key = zip(*names, strict=True)
            found = self._connection.execute(
                _KNOWN, (numbers(trigger), texts(consumer), texts(key))
            )
            self._known = {row[:3]: row[3:] for row in found}

    def flush(self) -> None:
        """See ``Appends.flush``."""
        # What was asked for is older now than what is written.
        for name in self._keys:
            self._known.pop(name, None)
        self._asked -= self._keys.keys()
        super().flush()

    def _known_key(self, name: KeyName) -> Row | None:
        if name in self._asked:
            return self._known.get(name)
        return super()._known_key(name)
