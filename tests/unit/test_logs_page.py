"""The reference of logs names every event that the code logs, with its level, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path("docs/reference/logs.md")
LEVELS = {"exception": "error"} | {
    name: name for name in ("debug", "info", "warning", "error", "critical")
}


def logged() -> Iterator[tuple[str, str]]:
    """Event and level of each line that the product writes."""
    for path in Path("src/firesteel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("log"), attr=level), args=[event, *_]
                ) if level in LEVELS:
                    names = [
                        part.value
                        for part in ast.walk(event)
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    ]
                    assert names, f"{path}: an event without a fixed name"
                    yield from ((name, LEVELS[level]) for name in names)


def described() -> Iterator[tuple[str, str]]:
    """The same of the page."""
    for events, level in re.findall(
        r"^\| (`[a-z_`, ]+) \| (\w+) \|", PAGE.read_text(), re.MULTILINE
    ):
        yield from ((event, level) for event in re.findall(r"`(\w+)`", events))


def test_every_event_is_described_with_its_level_and_no_other_is() -> None:
    assert sorted({*described()}) == sorted({*logged()})
