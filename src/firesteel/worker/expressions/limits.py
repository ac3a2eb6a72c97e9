"""The bounds of one evaluation, and the budget that is counted down while it runs.

Nothing here interrupts: the evaluator and every built-in function that loops or makes something big
spend from the budget, and the single calls that spend nothing are short because all values are
bounded in size. Time is the thread's own CPU time, so that a machine under load fails nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from firesteel.worker.expressions.errors import ExpressionLimit

CHECK_EVERY: Final = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """``calls``: functions within functions. ``items``: evaluated nodes and made list items, in
    all. ``text_characters``: of one text. ``texts_characters``: of all texts made.
    ``range_items``: of one ``[a..b]``. ``result_bytes``: as JSON. ``result_depth``: lists and
    objects within each other.
    """

    cpu_s: float = 1.0
    calls: int = 200
    nesting: int = 1600
    items: int = 10_000_000
    range_items: int = 1_000_000
    text_characters: int = 10 * 1024 * 1024
    texts_characters: int = 256 * 1024 * 1024
    result_bytes: int = 10 * 1024 * 1024
    result_depth: int = 200


DEFAULT_LIMITS: Final = Limits()


class Budget:
    """What is left of the limits in one evaluation; every method raises ExpressionLimit."""

    __slots__ = ("_check_at", "_deadline_s", "_texts", "limits", "spent")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = 0
        self._texts = 0
        self._check_at = CHECK_EVERY
        self._deadline_s = -1.0

    def spend(self, items: int) -> None:
        """Count nodes evaluated or items made; now and then looks at the clock."""
        self.spent += items
        if self.spent >= self._check_at:
            self._check()

    def text(self, characters: int) -> None:
        """Count a text before it is made."""
        if characters > self.limits.text_characters:
            raise ExpressionLimit(f"a text is over {self.limits.text_characters} characters")
        self._texts += characters
        if self._texts > self.limits.texts_characters:
            raise ExpressionLimit("the texts made are too long in all")
        self.spend(1 + characters // 1024)

    def _check(self) -> None:
        # The first check starts the clock: most expressions end before it and never look.
        now_s = time.thread_time()
        if self._deadline_s < 0:
            self._deadline_s = now_s + self.limits.cpu_s
        if self.spent > self.limits.items:
            raise ExpressionLimit(f"over {self.limits.items} values were made")
        if now_s > self._deadline_s:
            raise ExpressionLimit(f"the evaluation took over {self.limits.cpu_s:g} s")
        self._check_at = self.spent + CHECK_EVERY
