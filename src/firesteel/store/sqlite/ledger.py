"""The journal's side in the writer's thread: one transaction of appends, outcomes, acts, claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from firesteel.store.journal import Claim
from firesteel.store.ledger.acts import Acts
from firesteel.store.ledger.appends import Appends
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import Mirror
from firesteel.store.ledger.outcomes import Outcomes
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.statements import Statements
from firesteel.store.sqlite.connection import SqliteConnection
from firesteel.store.sqlite.pen import SqlitePen
from firesteel.store.sqlite.sessions import Sessions

T = TypeVar("T")

# Numbers are reserved in blocks, so that not every transaction must write the session's row. What
# is left of a block at the end of a session is never given.
_RESERVED = 10_000

_LONGEST_WAIT_S = 3600.0


class JournalLedger:
    """Implements ``writer.Ledger``. Appends and outcomes are buffered; an act, or another's work,
    finds everything before it in the tables."""

    def __init__(self, clocks: Clocks) -> None:
        make, pen = Statements(SQLITE), SqlitePen()
        self._pen = pen
        self.mirror = Mirror(clocks, make)
        self.claims = Claims(self.mirror, pen, make)
        self.appends = Appends(self.mirror, self.claims, pen, make)
        self.outcomes = Outcomes(self.mirror, self.claims, pen)
        self.acts = Acts(self.mirror, self.claims, self.outcomes, make)
        self.sessions = Sessions(self.mirror, self.claims)
        self._changed_rules: set[int] = set()
        self._reserved_no = 0

    def open(self, connection: SqliteConnection) -> None:
        """Begin a session and remember what the tables say."""
        for part in (self.mirror, self.claims, self.appends, self.acts, self.sessions):
            part.connect(connection)
        self._pen.connect(connection)
        self.sessions.begin()
        self.mirror.load()
        self._reserve()

    def begin(self) -> None:
        self.sessions.fence()
        self.mirror.tick()
        self.claims.ripen()

    def flush(self) -> None:
        # Outcomes first: what they set free in a lane, an append may have taken.
        self.outcomes.flush()
        self.appends.flush()

    def finish(self) -> Sequence[Claim]:
        self.flush()
        if self._changed_rules:
            for trigger_no in self._changed_rules:
                self.mirror.see_rules(trigger_no)
            self._changed_rules = set()
        claims = self.claims.finish()
        if self.mirror.last_no > self._reserved_no:
            self._reserve()
        return claims

    def reload(self) -> None:
        for part in (self.claims, self.appends, self.outcomes):
            part.forget()
        self.mirror.load()
        self._reserved_no = self.mirror.last_no

    def wake_in_s(self) -> float | None:
        due_us = self.mirror.next_due_us
        if due_us is None:
            return None
        return min(max(0.0, (due_us - self.mirror.steady.now_us()) / 1e6), _LONGEST_WAIT_S)

    def close(self) -> None:
        self.sessions.end()

    def _reserve(self) -> None:
        self._reserved_no = self.mirror.last_no + _RESERVED
        self.sessions.note_last_no(self._reserved_no)

    # --- commands -------------------------------------------------------------------------------

    def act(self, act: Callable[[], T]) -> T:
        """An act of a person, a session's, or a change of the grant: after all before it."""
        self.flush()
        return act()

    def grant(self, slots: int) -> None:
        """As ``Journal.grant``."""
        self.mirror.slots = slots

    def rules_changed(self, trigger_no: int) -> None:
        """The trigger's row was changed in this transaction; read at its end."""
        self._changed_rules.add(trigger_no)
