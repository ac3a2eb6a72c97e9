"""Writes what the reference lists into its pages, from the code; ``--check`` only says what is old.

Explanations in those pages are written by hand and stay. Written from the code are: the table of
settings, each table of a command's options (a command without a section gets one), the list of
commands, status and meaning of every problem and fault, the JSON Schemas of project files,
and the pages of ``docs/reference/rest``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from firesteel.model.fault import CODES
from firesteel.model.problem import FAULTS, PROBLEMS
from firesteel.model.schema import (
    alerts_schema,
    connections_schema,
    integration_schema,
    schema_text,
)
from firesteel.settings import SETTINGS
from scripts.reference_commands import COMMAND_PAGES, commands_page
from scripts.reference_rest import rest_pages

ROOT: Final = Path(__file__).parent.parent
REFERENCE: Final = ROOT / "docs" / "reference"
_CELL = re.compile(r"(?<!\\)\|")

# From heading, and the cells of a row, to the row as it must be; None takes it out.
RowOf = Callable[[str, list[str]], list[str] | None]


def pages() -> Iterator[tuple[Path, str]]:
    """Every page that holds something generated, and its text as it must be."""
    settings = REFERENCE / "settings.md"
    yield settings, with_table(settings.read_text(), "Setting", [*_settings()])
    errors = REFERENCE / "errors.md"
    yield errors, errors_page(errors.read_text())
    for name in COMMAND_PAGES:
        yield REFERENCE / name, commands_page(name, (REFERENCE / name).read_text())
    yield REFERENCE / "integration.schema.json", schema_text(integration_schema())
    yield REFERENCE / "connections.schema.json", schema_text(connections_schema())
    yield REFERENCE / "alerts.schema.json", schema_text(alerts_schema())
    for name, text in rest_pages():
        yield REFERENCE / "rest" / name, text


def with_table(text: str, title: str, rows: list[list[str]]) -> str:
    """The page with other rows in the table whose head begins with ``title``."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {title} |")) + 2
    end = next((n for n in range(start, len(lines)) if not lines[n].startswith("|")), len(lines))
    return "\n".join([*lines[:start], *map(as_row, rows), *lines[end:]]) + "\n"


def with_rows(text: str, row_of: RowOf) -> str:
    """The page with every row of its tables as ``row_of`` says."""
    found: list[str] = []
    heading, head, fenced = "", True, False
    for line in text.splitlines():
        fenced = fenced != line.startswith("```")
        if not fenced and line.startswith("#"):
            heading = line.lstrip("# ")
        if fenced or not line.startswith("|"):
            head = True
        elif set(line) <= set("|- :"):
            head = False
        elif not head:
            cells = [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]
            row = row_of(heading, cells)
            if row is None:
                continue
            line = as_row(row)
        found.append(line)
    return "\n".join(found) + "\n"


def as_row(cells: list[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _settings() -> Iterator[list[str]]:
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "none"
        yield [f"`{setting.name}`", f"`{setting.variable}`", default, setting.description]


def errors_page(text: str) -> str:
    """Each problem stands in a table of three columns, each fault in one of two below its heading.
    What is new is added to the last table of its kind; where it belongs is for people to say."""
    lists = {"Faults of a call": dict(FAULTS), "Faults of documents": dict(CODES)}
    problems = {code: [str(known.status), known.meaning] for code, known in PROBLEMS.items()}

    def row_of(heading: str, cells: list[str]) -> list[str] | None:
        code = cells[0].strip("`")
        if len(cells) == 3 and cells[1].isdigit():
            known = problems.pop(code, None)
            return None if known is None else [cells[0], *known]
        if heading in lists:
            meaning = lists[heading].pop(code, None)
            return None if meaning is None else [cells[0], meaning]
        return cells

    text = with_rows(text, row_of)
    text = _appended(text, "The REST API", [[f"`{code}`", *row] for code, row in problems.items()])
    for heading, rest in lists.items():
        text = _appended(text, heading, [[f"`{code}`", meaning] for code, meaning in rest.items()])
    return text


def _appended(text: str, heading: str, rows: list[list[str]]) -> str:
    """The page with rows added to the last table below a heading."""
    if not rows:
        return text
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.lstrip("#") == f" {heading}")
    stop = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("#")), len(lines))
    last = max(n for n in range(start, stop) if lines[n].startswith("|"))
    return "\n".join([*lines[: last + 1], *map(as_row, rows), *lines[last + 1 :]]) + "\n"


def main(arguments: list[str]) -> int:
    """Write the pages; with ``--check`` name those that are not as the code is, and end with 1."""
    old = [(path, text) for path, text in pages() if not path.exists() or path.read_text() != text]
    for path, text in old:
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        print(path.relative_to(ROOT))
    if old and "--check" in arguments:
        print("these pages are not as the code is: run `make reference`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
