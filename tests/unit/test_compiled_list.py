"""What mypyc compiles can be used as if it were not: no defect that only that build has."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPILED: list[str] = SETTINGS["tool"]["hatch"]["build"]["hooks"]["custom"]["compiled"]
HARMLESS = {"Enum", "Exception", "Generic", "NamedTuple", "Protocol", "msgspec.Struct"}


def classes(path: Path) -> Iterator[ast.ClassDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield node


def bases(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).partition("[")[0] for base in node.bases}


def test_every_module_that_is_to_be_compiled_is_there_once() -> None:
    assert sorted(set(COMPILED)) == COMPILED
    assert [name for name in COMPILED if not (SOURCE / name).is_file()] == []


def test_no_compiled_class_inherits_from_an_interpreted_one() -> None:
    """A weak reference to an object of such a class brings the process down. ``HARMLESS``: what
    mypyc knows."""
    compiled = [SOURCE / name for name in COMPILED]
    natives = {node.name for path in compiled for node in classes(path)}
    found = {base for path in compiled for node in classes(path) for base in bases(node)}
    assert found - natives <= HARMLESS


def test_no_class_that_stays_interpreted_inherits_from_a_compiled_one() -> None:
    """mypyc refuses to make an object of it, and says so only then."""
    compiled = {SOURCE / name for name in COMPILED}
    natives = {node.name for path in compiled for node in classes(path)}
    others = (path for path in SOURCE.rglob("*.py") if path not in compiled)
    found = [
        f"{path.relative_to(SOURCE)}: {node.name}"
        for path in others
        if _imports_from(path, compiled)
        for node in classes(path)
        if bases(node) & natives
    ]
    assert found == []


def _imports_from(path: Path, compiled: set[Path]) -> bool:
    modules = {str(file.relative_to(SOURCE).with_suffix("")).replace("/", ".") for file in compiled}
    return any(
        isinstance(node, ast.ImportFrom) and node.module in modules
        for node in ast.walk(ast.parse(path.read_text()))
    )
