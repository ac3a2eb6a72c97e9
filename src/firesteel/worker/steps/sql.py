"""The ``sql`` step: one statement, or several in one transaction, or either exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from firesteel.errors import AuthorError
from firesteel.worker.failures import StepError, failure_of
from firesteel.worker.mapping import compile_document
from firesteel.worker.sql_connection import BoundStatement
from firesteel.worker.steps.run import Work

if TYPE_CHECKING:
    from firesteel.model.execution import Failure
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
        self._statements = [_Statement.of(item) for item in step.transaction or [step]]
        self._once = step.once

    async def do(self, scope: Scope, place: str) -> Any:
        """One result, or a list of them for a ``transaction``."""
        statements = [statement.bound(scope.context) for statement in self._statements]
        async with scope.attempt.connections.sql(self._connection) as pool:
            try:
                results = await self._results(pool, statements, scope, place)
            except SQLAlchemyError as error:
                raise StepError(sql_failure(error, place)) from error
        return results if self._together else results[0]

    async def _results(
        self, pool: SqlPool, statements: list[BoundStatement], scope: Scope, place: str
    ) -> list[Any]:
        if self._once:
            return await pool.once(statements, execution=scope.attempt.execution, place=place)
        if self._together:
            return await pool.transaction(statements)
        return [await pool.statement(statements[0])]


def sql_failure(error: SQLAlchemyError, place: str | None) -> Failure:
    """The failure of a database. Its text names the kind of error and the SQLSTATE; what the
    database says may hold values and stands in the trace."""
    driver = getattr(error, "orig", None)
    sqlstate = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
    name = type(driver or error).__name__
    detail = f"the database refused: {name}" + (f" ({sqlstate})" if sqlstate else "")
    failure = failure_of(error, step=place, code="sql_failed")
    return msgspec.structs.replace(failure, detail=detail)
