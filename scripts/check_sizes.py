"""Fails where a file has over 600 lines or a function over 60: what is longer holds two ideas.

Complexity, parameters and statements are ruff's to count; it counts no lines.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("src", "tests", "bench", "scripts")
FILE_LINES = 600
FUNCTION_LINES = 60


def faults(path: Path) -> Iterator[str]:
    """What is too long in one file, as ``path:line: text``."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > FILE_LINES:
        yield f"{path}:1: {lines} lines, {FILE_LINES} at most"
    for node in ast.walk(ast.parse(text, filename=str(path))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES:
            yield f"{path}:{node.lineno}: {node.name} has {length} lines, {FUNCTION_LINES} at most"


def main(root: Path) -> int:
    """Print every fault under ``root``; 1 where there is one."""
    files = sorted(file for folder in FOLDERS for file in (root / folder).rglob("*.py"))
    found = [fault for file in files for fault in faults(file)]
    for fault in found:
        print(fault)
    print(f"sizes: {len(files)} files, {len(found)} too long")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
