"""How ``backup`` and ``restore`` show how far they have come: a bar on a terminal, lines into a
pipe."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from firesteel.cli.output import Output

_LINE_EVERY_S = 5.0
_SHORT_S = 2.0

Told = Callable[[str, int, int], None]
"""What is being done, and so many bytes of so many; 0 of 0: nobody knows."""


@contextlib.contextmanager
def shown_copying(output: Output) -> Iterator[Told]:
    """Whom to tell; on standard error, and nothing beside ``--json``."""
    if output.as_json:
        yield lambda _doing, _done, _total: None
    elif not sys.stderr.isatty():
        yield _Lines(output)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn("{task.description:<10}"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            yield lambda doing, done, total: progress.update(
                task, description=doing, completed=done, total=total or None
            )


class _Lines:
    """Of what takes longer than a moment: a line for each thing that is begun, and one every few
    seconds."""

    def __init__(self, output: Output) -> None:
        self._note = output.note
        self._doing = ""
        self._last_s = 0.0
        self._begun_s = time.monotonic()

    def __call__(self, doing: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._begun_s < _SHORT_S:
            return
        if doing == self._doing and now_s - self._last_s < _LINE_EVERY_S:
            return
        self._doing, self._last_s = doing, now_s
        so_far = f": {done // 1024**2:,} of {total // 1024**2:,} MiB" if total else ""
        self._note(doing + so_far)
