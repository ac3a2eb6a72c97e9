"""Functions that the two databases call by different names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class greatest(GenericFunction[int]):  # noqa: N801  # reads as SQL
    """The greater of two numbers."""

    type = BigInteger()
    inherit_cache = True


class has_bytes(GenericFunction[bool]):  # noqa: N801  # reads as SQL
    """Whether the first, bytes, contains the second."""

    type = Boolean()
    inherit_cache = True


@compiles(greatest, "sqlite")
def _sqlite_greatest(element: greatest, compiler: SQLCompiler, **given: Any) -> str:
    return f"max({compiler.process(element.clauses, **given)})"


@compiles(has_bytes, "sqlite")
def _sqlite_has_bytes(element: has_bytes, compiler: SQLCompiler, **given: Any) -> str:
    return f"instr({compiler.process(element.clauses, **given)}) > 0"


@compiles(has_bytes, "postgresql")
def _postgresql_has_bytes(element: has_bytes, compiler: SQLCompiler, **given: Any) -> str:
    whole, part = (compiler.process(clause, **given) for clause in element.clauses)
    return f"position({part} IN {whole}) > 0"
