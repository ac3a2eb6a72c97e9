"""Mutation testing: change one thing in a module, and see that some test of the quick suite fails.

    python scripts/mutants.py store/sqlite/outcomes.py                  all mutants of one module
    python scripts/mutants.py store/sqlite/outcomes.py --sample 40      every n-th, about 40 of them
    python scripts/mutants.py                                           all modules

A mutant lives in a process of its own, which reads the module's changed code instead of its file:
nothing on disk is touched. Prints each survivor with its place, and the share that was killed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.machinery
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "firesteel"
TIMEOUT_S = 120.0
STORE = [
    "tests/contract/test_journal.py",
    "tests/contract/test_journal_acts.py",
    "tests/unit/store/test_sqlite_writer.py",
    "tests/contract/test_history.py",
    "tests/property/test_journal_model.py",
]
ENGINE = ["tests/unit/engine", "tests/unit/admin"]
MODULES = {
    **{
        f"store/sqlite/{name}.py": STORE
        for name in (
            *("appends", "claims", "outcomes", "acts"),
            *("lanes", "ledger", "mirror", "sessions"),
        )
    },
    **{f"engine/{name}.py": ENGINE for name in ("engine", "dispatch", "waiters")},
}
# Imported once, so that no mutant has to: everything that is slow and not ours.
SLOW = ("pytest", "hypothesis.stateful", "sqlalchemy", "alembic.command", "msgspec", "pydantic")

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
    """Where mutants are made: code of functions, not what runs at import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                yield from ast.walk(statement)


def mutants(source: str) -> list[tuple[str, ast.Module]]:
    """Every changed module, with the place and kind of the change."""
    tree = ast.parse(source)
    found: list[tuple[str, ast.Module]] = []
    seen: set[int] = set()
    for node in functions(tree):
        if id(node) in seen:
            continue
        seen.add(id(node))
        for name, other in changes(node):
            ast.copy_location(other, node)
            changed = _Replace(node, other).visit(_shallow(tree, node))
            line = getattr(node, "lineno", 0)
            found.append((f"{line}: {ast.unparse(node)[:60]!r} -> {name}", changed))
    return found


def _shallow(tree: ast.Module, node: ast.AST) -> ast.Module:
    """A copy of the tree in which ``node`` is the same object."""
    return copy.deepcopy(tree, {id(node): node})


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else super().visit(node)


def survives(module: str, changed: ast.Module, tests: list[str]) -> bool:
    """Whether the tests pass with the changed module; one that hangs is killed."""
    child = os.fork()
    if child == 0:
        os.setsid()
        _play(module, changed, tests)
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _play(module: str, changed: ast.Module, tests: list[str]) -> None:
    import pytest

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = compile(ast.fix_missing_locations(changed), module, "exec")
    loader = importlib.machinery.SourceFileLoader
    read = loader.get_code

    def get_code(self: Any, name: str) -> Any:
        return code if name == module else read(self, name)

    setattr(loader, "get_code", get_code)  # noqa: B010
    result = pytest.main(
        ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "-k", "not machine_finds", *tests]
    )
    os._exit(int(result))


def report(path: str, tests: list[str], *, sample: int | None, seconds: float) -> tuple[int, int]:
    """Play the module's mutants for so long at most; how many were killed, of how many."""
    until = time.monotonic() + seconds
    made = mutants((SOURCE / path).read_text("utf-8"))
    every = max(1, len(made) // sample) if sample else 1
    chosen = made[::every]
    module = "firesteel." + path.removesuffix(".py").replace("/", ".")
    killed = played = 0
    for place, changed in chosen:
        if time.monotonic() > until:
            break
        played += 1
        if survives(module, changed, tests):
            print(f"survived  {path}:{place}", flush=True)
        else:
            killed += 1
    print(f"{path}: {killed} of {played} killed ({len(made)} mutants in all)", flush=True)
    return killed, played


def main() -> int:
    """Exit code 1 where a module's own tests fail without any change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="below src/firesteel; all where none is named")
    parser.add_argument("--sample", type=int, help="about so many mutants of each module")
    parser.add_argument("--seconds", type=float, default=1e9, help="for each module, at most")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in SLOW:
        importlib.import_module(name)
    killed = played = 0
    for path in chosen.modules or MODULES:
        module = "firesteel." + path.removesuffix(".py").replace("/", ".")
        unchanged = ast.parse((SOURCE / path).read_text("utf-8"))
        if not survives(module, unchanged, MODULES[path]):
            print(f"{path}: its tests fail without a mutant", flush=True)
            return 1
        found, of = report(path, MODULES[path], sample=chosen.sample, seconds=chosen.seconds)
        killed, played = killed + found, played + of
    print(f"{killed} of {played} mutants killed: {100 * killed / max(played, 1):.0f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
