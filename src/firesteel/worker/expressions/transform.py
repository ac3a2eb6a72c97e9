"""The transform expression ``|pattern|update,delete|``: alters a copy of what it is applied to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonata.jexception import JException

from firesteel.worker.expressions.collection_functions import clone

if TYPE_CHECKING:
    from firesteel.worker.expressions.evaluator import Evaluator


class Transform:
    """One transform expression in the scope in which it stands."""

    __slots__ = ("_environment", "_evaluator", "_expr")

    def __init__(self, evaluator: Evaluator, expr: Any, environment: Any) -> None:
        self._evaluator = evaluator
        self._expr = expr
        self._environment = environment

    def of(self, value: Any) -> Any:
        """The altered copy; raises JException T2011 and T2012."""
        copy = clone(self._evaluator, value)
        found = self._evaluator.eval(self._expr.pattern, copy, self._environment)
        for match in found if isinstance(found, list) else [found]:
            if isinstance(match, dict):
                self._alter(match)
        return copy

    def _alter(self, match: dict[str, Any]) -> None:
        update = self._evaluator.eval(self._expr.update, match, self._environment)
        if update is not None:
            if not isinstance(update, dict):
                raise JException("T2011", self._expr.update.position)
            match.update(update)
        if self._expr.delete is None:
            return
        names = self._evaluator.eval(self._expr.delete, match, self._environment)
        for name in names if isinstance(names, list) else [names]:
            if isinstance(name, str):
                match.pop(name, None)
            elif name is not None:
                raise JException("T2012", self._expr.delete.position)
