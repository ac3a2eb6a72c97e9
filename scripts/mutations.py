"""The mutants of a module: its syntax tree with one thing in a function changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may stand in the node's place, each with its name."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        other = COMPARISONS[type(node.ops[0])]()
        ops = [other, *node.ops[1:]]
        yield type(other).__name__, ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield type(swapped).__name__, ast.BoolOp(swapped, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "without not", node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        other_op = ARITHMETIC[type(node.op)]()
        yield type(other_op).__name__, ast.BinOp(node.left, other_op, node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        other_op = ARITHMETIC[type(node.op)]()
        yield type(other_op).__name__, ast.AugAssign(node.target, other_op, node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value), ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield f"{node.value} + 1", ast.Constant(node.value + 1)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "left out", ast.Pass()
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield "return None", ast.Return(ast.Constant(None))


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Where mutants are made: code of functions, not what runs at import, nor ``strict=True``,
    which asserts that two lists are of one length."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                yield from _without_strict(statement)


def _without_strict(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _without_strict(child)


@dataclass(frozen=True, slots=True)
class Mutant:
    """``place``: where and what, in words, and no other mutant's of the module; ``line``: of the
    change."""

    place: str
    line: int
    tree: ast.Module


def mutants(source: str) -> list[Mutant]:
    """Every changed module."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    seen: set[int] = set()
    for node in functions(tree):
        if id(node) in seen:
            continue
        seen.add(id(node))
        for name, other in changes(node):
            ast.copy_location(other, node)
            changed = _Replace(node, other).visit(_shallow(tree, node))
            line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
            place = f"{line}:{column}: {ast.unparse(node)[:60]!r} -> {name}"
            found.append(Mutant(place, line, ast.fix_missing_locations(changed)))
    return found


def _shallow(tree: ast.Module, node: ast.AST) -> ast.Module:
    """A copy of the tree in which ``node`` is the same object."""
    return copy.deepcopy(tree, {id(node): node})


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else super().visit(node)
