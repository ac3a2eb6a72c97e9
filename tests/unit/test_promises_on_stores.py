"""The table of promises on either store: each test that it names is there and runs there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.markdown import DOCS, Row, rows

PAGE = DOCS / "explanation" / "how-it-is-tested.md"
PROMISES = DOCS / "explanation" / "promises.md"
TESTS = DOCS.parent / "tests"
NAMED = re.compile(r"\[`(test_\w+)`\]\(\.\./\.\./tests/([\w./]+)\)")
ON_POSTGRESQL = re.compile(r"postgres|STORES|store_url|Setting\(|database", re.IGNORECASE)
ROWS = [
    row
    for row in rows(PAGE)
    if re.fullmatch(r"P\d\d", row.cells[0]) and any(map(NAMED.search, row.cells))
]


def numbers(page: Path) -> list[str]:
    return [row.cells[0] for row in rows(page) if re.fullmatch(r"P\d\d", row.cells[0])]


def test_every_promise_has_its_line() -> None:
    assert [row.cells[0] for row in ROWS] == sorted(numbers(PROMISES))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.cells[0])
def test_the_tests_that_a_line_names_are_there(row: Row) -> None:
    for cell in row.cells[1:]:
        named = NAMED.findall(cell)
        assert named or cell.startswith("*"), cell
        for name, file in named:
            assert name in functions(TESTS / file), f"{file} has no {name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.cells[0])
def test_what_is_named_for_postgresql_runs_on_it(row: Row) -> None:
    told = row.cells[2]
    if told.startswith("*"):  # says why the store does not matter, or what is not shown
        return
    for name, file in NAMED.findall(told):
        source = " ".join(reached(TESTS / file, name))
        assert ON_POSTGRESQL.search(source), f"{name} knows nothing of PostgreSQL"


def reached(file: Path, name: str) -> Iterator[str]:
    """The sources of a test and of what it names: fixtures and functions of its module and of the
    conftests above it, and constants."""
    known: dict[str, str] = {}
    for folder in reversed([parent for parent in file.parents if parent.is_relative_to(TESTS)]):
        if (folder / "conftest.py").exists() and folder != TESTS:
            known |= functions(folder / "conftest.py")
    known |= functions(file)
    wanted, seen = [name], set[str]()
    while wanted:
        one = wanted.pop()
        if one not in seen and one in known:
            seen.add(one)
            yield known[one]
            wanted += re.findall(r"\w+", known[one])


@cache
def functions(file: Path) -> dict[str, str]:
    """The source of each function, class and constant of a module, with its decorators."""
    text = file.read_text()
    found = {}
    for node in ast.parse(text).body:
        source = "\n".join(
            ast.get_source_segment(text, part) or ""
            for part in (*getattr(node, "decorator_list", ()), node)
        )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = source
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: source for target in targets if isinstance(target, ast.Name)}
    return found
