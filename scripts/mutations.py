"""The mutants of a module: its syntax tree with one thing in a function changed."""

from __future__ import annotations

import ast
import copy
import hashlib
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


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(node: ast.AST, within: str = "") -> Iterator[tuple[str, Function]]:
    """The outermost functions and their names, those of classes behind the class's. Mutants are
    made of their code, not of what runs at import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield within + child.name, child
        else:
            name = f"{within}{child.name}." if isinstance(child, ast.ClassDef) else within
            yield from functions(child, name)


def _changeable(function: Function) -> Iterator[ast.AST]:
    """Without ``strict=True``, which asserts that two lists are of one length."""
    for statement in function.body:
        yield from _without_strict(statement)


def _without_strict(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _without_strict(child)


@dataclass(frozen=True, slots=True)
class Mutant:
    """``place``: the function, where in it and what, in words; ``line``: of the change in the
    module; ``code``: a digest of the whole function. No other mutant of the module has its place
    and its code."""

    place: str
    code: str
    line: int
    tree: ast.Module


def mutants(source: str) -> list[Mutant]:
    """Every changed module."""
    tree = ast.parse(source)
    return [mutant for name, function in functions(tree) for mutant in _of(name, function, tree)]


def _of(name: str, function: Function, tree: ast.Module) -> Iterator[Mutant]:
    code = hashlib.blake2b(ast.unparse(function).encode(), digest_size=8).hexdigest()
    for node in _changeable(function):
        for what, other in changes(node):
            ast.copy_location(other, node)
            changed = _Replace(node, other).visit(_shallow(tree, node))
            line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
            where = f"{name}+{line - function.lineno}:{column}"
            place = f"{where}: {ast.unparse(node)[:60]!r} -> {what}"
            yield Mutant(place, code, line, ast.fix_missing_locations(changed))


def _shallow(tree: ast.Module, node: ast.AST) -> ast.Module:
    """A copy of the tree in which ``node`` is the same object."""
    return copy.deepcopy(tree, {id(node): node})


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else super().visit(node)
