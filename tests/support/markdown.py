"""What tests read out of the documentation: blocks of code, and tables under their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is that of its first fence."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        path = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name
        return f"{path}:{self.line}"


@dataclass(frozen=True)
class Row:
    """A row of a table below a heading; ``title`` is the first cell of the table's head."""

    heading: str
    title: str
    cells: list[str]

    @property
    def names(self) -> list[str]:
        """What stands as code in the first cell."""
        return re.findall(r"`([^`]+)`", self.cells[0])


def pages() -> list[Path]:
    """Every page for users: the README and all of docs/ but the decisions."""
    found = [path for path in sorted(DOCS.rglob("*.md")) if "decisions" not in path.parts]
    return [ROOT / "README.md", *found]


def blocks(path: Path, *languages: str) -> list[Block]:
    """The blocks of one page in those languages (none: in all), in order."""
    return [block for block in _blocks(path) if not languages or block.language in languages]


def rows(path: Path) -> list[Row]:
    """The rows of all tables of one page, without heads."""
    found: list[Row] = []
    heading, title, fenced = "", "", False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            continue
        elif match := _HEADING.fullmatch(line):
            heading = match[1]
        elif not line.startswith("|"):
            title = ""
        elif not title:
            title = _cells(line)[0]
        elif not set(line) <= set("|- :"):
            found.append(Row(heading, title, _cells(line)))
    return found


def section(path: Path, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    lines = path.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.lstrip("#") == f" {heading}")
    rest = lines[start + 1 :]
    end = next((n for n, line in enumerate(rest) if re.match(r"#{1,6} ", line)), len(rest))
    return "\n".join(rest[:end])


def _blocks(path: Path) -> Iterator[Block]:
    start, language, text = 0, "", list[str]()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if start and line == "```":
            yield Block(path, start, language, "\n".join(text) + "\n")
            start, text = 0, []
        elif start:
            text.append(line)
        elif line.startswith("```"):
            start, language = number, line[3:].strip()


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip())[1:-1]]
