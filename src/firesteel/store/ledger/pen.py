"""How the journal's rows get into the tables: each database has its own fastest way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]

ACCEPTED = (
    *("no", "id", "trigger_no", "sequence", "received_at_us", "consumer", "lane_key"),
    *("request", "body", "version_no", "state", "turn", "session_no", "begun"),
    *("first_started_at_us", "started_at_us", "settled_at_us"),
)
"""A message with its first execution, as it is inserted. ``begun``: 1 where it runs at once. Where
``settled_at_us`` is set it has succeeded with 204."""

SETTLED = (
    *("no", "epoch", "state", "settled_at_us", "failure", "ended_by", "ended_why"),
    *("response", "input", "logs", "code_hash"),
)
"""An execution's end, as it is written, with its result."""

CLAIMED = (
    *("session_no", "epoch", "attempt", "counted", "first_started_at_us", "started_at_us", "no"),
)
"""A waiting execution that runs from now on."""

POSTPONED = ("turn", "due_at_us", "counted", "alone", "failure", "no", "epoch")
"""A running execution that waits again."""

ENTRY = (
    *("execution_no", "step", "kind", "attempt"),
    *("started_at_us", "ended_at_us", "result", "input"),
)
ATTEMPT = ("execution_no", "attempt", "started_at_us", "ended_at_us", "failure", "logs")
STOPPED = ("trigger_no", "lane_key", "stopped_at_no", "stopped_at_us")
SEARCH = ("trigger_no", "name", "value", "message_no")
KEY = (
    *("trigger_no", "consumer", "key", "message_id", "sequence"),
    *("execution_no", "fingerprint", "expires_at_us"),
)


class Pen(Protocol):
    """Writes rows of one transaction, none or many at a time, each as long as its columns above.

    What changes a running execution changes it under its epoch only (P14), and raises InternalError
    where it does not run under that one.
    """

    def accept(self, rows: Sequence[Row]) -> None:
        """Insert messages, payloads, executions, and the results of those that are settled."""
        ...

    def count(self, rows: Sequence[Row]) -> None:
        """Note the last sequence of triggers: (last_sequence, trigger_no)."""
        ...

    def search_for(self, rows: Sequence[Row]) -> None:
        """Insert search values, each once."""
        ...

    def keep_keys(self, rows: Sequence[Row]) -> None:
        """Insert idempotency keys, in the place of those whose window is over."""
        ...

    def claim(self, rows: Sequence[Row]) -> None:
        """Set waiting executions running."""
        ...

    def settle(self, rows: Sequence[Row]) -> None:
        """End running executions, and insert their results."""
        ...

    def postpone(self, rows: Sequence[Row]) -> None:
        """Let running executions wait again."""
        ...

    def journal(self, rows: Sequence[Row]) -> None:
        """Insert entries; the first of a step stands."""
        ...

    def attempted(self, rows: Sequence[Row]) -> None:
        """Insert attempts that did not succeed."""
        ...

    def stop_lanes(self, rows: Sequence[Row]) -> None:
        """Stop lanes at their failed heads."""
        ...
