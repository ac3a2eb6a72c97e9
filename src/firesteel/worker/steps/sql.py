"""The ``sql`` step: one statement, or several in one transaction, or either exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from firesteel.errors import AuthorError
from firesteel.worker.mapping import compile_document
from firesteel.worker.sql_connection import BoundStatement
from firesteel.worker.steps.run import Work

if TYPE_CHECKING:
    from firesteel.model.steps import ResultKind, SqlStep, Statement
    from firesteel.worker.mapping import Template
    from firesteel.worker.sql_connection import SqlPool
    from firesteel.worker.steps.scope import Scope


class ParametersInvalid(AuthorError):
    """A statement has names that its parameters do not give."""

    code = "parameters_invalid"


@dataclass(frozen=True, slots=True)
class _Statement:
    text: sa.TextClause
    names: tuple[str, ...]
    parameters: Template
    result: ResultKind

    @classmethod
    def of(cls, statement: Statement | SqlStep) -> _Statement:
        text = sa.text(statement.statement or "")
        names = tuple(sorted(text.compile().params))
        missing = [name for name in names if name not in statement.parameters]
        if missing:
            raise ParametersInvalid(f"parameters: gives no value for {', '.join(missing)}")
        return cls(text, names, compile_document(statement.parameters), statement.result)

    def bound(self, context: dict[str, Any]) -> BoundStatement:
        values = self.parameters.evaluate(context)
        return BoundStatement(
            self.text, {name: values.get(name) for name in self.names}, self.result
        )


class SqlWork(Work):
    """Raises ParametersInvalid, and AuthorError where an expression does not compile."""

    kind = "sql"
    journaled = True

    def __init__(self, step: SqlStep) -> None:
        self._connection = step.connection
        self._together = step.transaction is not None
        written: list[Statement] | list[SqlStep] = step.transaction or [step]
        self._statements = [_Statement.of(item) for item in written]
        self._once = step.once

    async def do(self, scope: Scope, place: str) -> Any:
        """One result, or a list of them for a ``transaction``."""
        statements = [statement.bound(scope.context) for statement in self._statements]
        async with scope.attempt.connections.sql(self._connection) as pool:
            scope.attempt.journal.check_lease()
            results = await self._results(pool, statements, scope, place)
        return results if self._together else results[0]

    async def _results(
        self, pool: SqlPool, statements: list[BoundStatement], scope: Scope, place: str
    ) -> list[Any]:
        if self._once:
            return await pool.once(statements, execution=scope.attempt.execution, place=place)
        if self._together:
            return await pool.transaction(statements)
        return [await pool.statement(statements[0])]
