"""CSV bodies (RFC 4180): a list of objects by the header row, every value a string.

The delimiter is the one of ``,`` ``;`` and tab that stands most often in the first line, outside of
quotes. A row that is shorter than the header leaves the last names out; a longer one is an error.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Final

DELIMITERS: Final = (",", ";", "\t")

_QUOTED = re.compile(r'"[^"]*"?')


class CsvInvalid(ValueError):
    """The text is no CSV that is taken; ``code`` is ``malformed`` or ``duplicate_name``, the text
    never repeats what was sent.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_csv(text: str) -> list[dict[str, str]]:
    """The rows below the header; rows without any character are left out. Raises CsvInvalid."""
    text = text.removeprefix("\ufeff")
    if "\x00" in text:
        raise CsvInvalid("malformed", "the text has a NUL character")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    rows = []
    names: list[str] | None = None
    try:
        for row in reader:
            if not row:
                continue
            if names is None:
                names = header_of(row)
                continue
            if len(row) > len(names):
                detail = f"line {reader.line_num} has more values than the header has names"
                raise CsvInvalid("malformed", detail)
            rows.append(dict(zip(names, row, strict=False)))
    except csv.Error:
        raise CsvInvalid("malformed", f"the text is not CSV at line {reader.line_num}") from None
    return rows


def header_of(row: list[str]) -> list[str]:
    """The names that the first row gives. Raises CsvInvalid."""
    names = [name.strip() for name in row]
    if len(set(names)) != len(names):
        raise CsvInvalid("duplicate_name", "the header has the same name twice")
    return names


def delimiter_of(text: str) -> str:
    """The delimiter by the first line."""
    first = re.split(r"\r\n|\r|\n", text[:65536].lstrip("\r\n"), maxsplit=1)[0]
    bare = _QUOTED.sub("", first)
    return max(DELIMITERS, key=bare.count)
