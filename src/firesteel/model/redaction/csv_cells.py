"""Cells of CSV, by row and by the name of their column."""

from __future__ import annotations

import re
from collections.abc import Iterator

from firesteel.model.csv_body import delimiter_of, header_of, parse_csv
from firesteel.model.redaction.places import REPLACEMENT, Paths, below, leads_to_text

_LINE_END = re.compile(r"\r\n|\r|\n")


def redact_csv(text: str, paths: Paths) -> str:
    """Raises ValueError for what is no CSV."""
    parse_csv(text)
    pieces: list[str] = []
    position = 0
    names: list[str] | None = None
    index = 0
    for row in _rows(text):
        if names is None:
            names = header_of([_value(text[start:stop]) for start, stop in row])
            continue
        of_row = below(paths, str(index))
        for name, (start, stop) in zip(names, row, strict=False):
            if () in of_row or leads_to_text(of_row, name):
                pieces += [text[position:start], REPLACEMENT.decode()]
                position = stop
        index += 1
    return "".join([*pieces, text[position:]])


def _rows(text: str) -> Iterator[list[tuple[int, int]]]:
    """Where the cells of each row stand; rows without any character are left out. ``text`` is known
    to be valid."""
    delimiter = delimiter_of(text)
    cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(delimiter)}\r\n]*')
    position = 1 if text.startswith("\ufeff") else 0
    row: list[tuple[int, int]] = []
    while position < len(text):
        found = cell.match(text, position)
        assert found is not None
        row.append(found.span())
        position = found.end()
        if text[position : position + 1] == delimiter:
            position += 1
            if position < len(text):
                continue
            row.append((position, position))
        end = _LINE_END.match(text, position)
        position = len(text) if end is None else end.end()
        if row != [(row[0][0], row[0][0])]:
            yield row
        row = []


def _value(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell
