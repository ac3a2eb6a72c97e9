"""What commands print: text for people, JSON for machines; colour on a terminal only."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from firesteel.cli.exit_codes import CommandFailed

_COLOURS = {
    "succeeded": "32",
    "failed": "31",
    "cancelled": "33",
    "skipped": "33",
    "running": "36",
    "error": "1;31",
    "warning": "33",
    "added": "32",
    "removed": "31",
    "bold": "1",
    "dim": "2",
}


class Output:
    """Results go to stdout, everything else to stderr, so that a pipe gets results only."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def result(self, data: Any, text: str | None = None) -> None:
        """The command's result: ``data`` with --json, else ``text`` (None: nothing)."""
        if self.as_json:
            print(json.dumps(data, indent=2, ensure_ascii=False))
        elif text is not None:
            print(text)

    def say(self, text: str) -> None:
        """Something for people; left out with --json."""
        if not self.as_json:
            print(text)

    def note(self, text: str) -> None:
        """Something for people that is not part of the result."""
        print(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """A warning, on stderr."""
        print(f"{painted('warning:', 'warning', sys.stderr)} {text}", file=sys.stderr)

    def failure(self, error: CommandFailed) -> None:
        """Why the command failed, on stderr."""
        if self.as_json:
            body = {"error": {"code": error.code, "detail": error.detail}}
            if error.errors:
                body["error"]["errors"] = list(error.errors)  # type: ignore[assignment]
            print(json.dumps(body, indent=2, ensure_ascii=False), file=sys.stderr)
            return
        print(f"{painted('error:', 'error', sys.stderr)} {error.detail}", file=sys.stderr)
        for item in error.errors:
            place = item.get("parameter") or item.get("pointer") or ""
            print(f"  {place}: {item.get('detail', '')}".rstrip(), file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)

    def columns(self, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Aligned columns under their titles; states are coloured on a terminal."""
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [
            max([len(title), *(len(row[index]) for row in cells)])
            for index, title in enumerate(titles)
        ]
        self.say(painted(_line([t.upper() for t in titles], widths), "bold"))
        for row in cells:
            self.say(_line(row, widths))


def painted(text: str, colour: str, stream: TextIO | None = None) -> str:
    """``text`` in a colour where the stream is a terminal that wants colours (no-color.org)."""
    import os

    stream = stream or sys.stdout
    if colour not in _COLOURS or "NO_COLOR" in os.environ or not stream.isatty():
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    # Control characters come from callers and must not reach a terminal.
    return "".join(char if char.isprintable() else "?" for char in str(value))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
    return "  ".join(painted(cell, cell.strip()) for cell in padded).rstrip()
