"""``firesteel top``: what a node does now, again and again; once into a pipe."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed
from firesteel.cli.top_figures import SORTS, Figures, Look, compare

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

Sort = Literal["rate", "failed", "waiting", "oldest", "name"]

_LANES = 1000
_KEYS = "q ends, s sorts by the next column, r f w o n by rate, failed, waiting, oldest, name"
_OTHER_LINES = 24
_KEYS_AT_ONCE = 64


def top(
    session: Session,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.2, max=60, help="Seconds between two looks.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False,
    sort: Annotated[
        Sort, typer.Option("--sort", "-s", help="What the integrations go by.")
    ] = "rate",
) -> None:
    """Show what the node does now: rates, what waits and since when, failures, workers, lanes.

    On a terminal it goes on until q is pressed; into a pipe, with --once and with --json it prints
    one picture. Rates are of the time between two looks.

    [bold]Examples[/bold]

      firesteel top

      firesteel top --once --sort waiting

      firesteel top --json --interval 10
    """
    live = not once and not session.output.as_json
    if live and sys.stdout.isatty() and sys.stdin.isatty():
        _Live(session, interval, sort).run()
        return
    before = _look(session)
    time.sleep(interval)
    figures = _figures(session, before, _look(session))
    session.output.result(figures.as_json())
    if not session.output.as_json:
        _console().print(_picture(figures, sort))


class _Live:
    """The picture on a terminal, made anew at each interval and each key."""

    def __init__(self, session: Session, interval_s: float, sort: str) -> None:
        self._session = session
        self._interval_s = interval_s
        self._sort = sort
        self._figures: Figures | None = None
        self._fault = ""

    def run(self) -> None:
        """Until q. Raises CommandFailed where the node does not answer at first; later it is waited
        for."""
        from rich.live import Live

        console = _console()
        before = _look(self._session)
        with _single_keys(), Live(console=console, screen=True, auto_refresh=False) as live:
            wait_s = min(0.5, self._interval_s)
            while self._obey(wait_s, live, console):
                with self._patient():
                    now = _look(self._session)
                    self._figures, before = _figures(self._session, before, now), now
                self._show(live, console)
                wait_s = self._interval_s

    @contextlib.contextmanager
    def _patient(self) -> Iterator[None]:
        try:
            yield
        except CommandFailed as error:
            self._fault = error.detail
        else:
            self._fault = ""

    def _obey(self, wait_s: float, live: Live, console: Console) -> bool:
        """Take keys until it is time for the next look; False: it is to end."""
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            ready, _, _ = select.select([sys.stdin], [], [], left_s)
            if not ready:
                continue
            keys = os.read(sys.stdin.fileno(), _KEYS_AT_ONCE).decode("ascii", "replace")
            if not keys or "q" in keys:
                return False
            for key in keys:
                self._sort = _sorted_by(key, self._sort)
            self._show(live, console)
        return True

    def _show(self, live: Live, console: Console) -> None:
        if self._figures is not None:
            rows = max(console.height - _OTHER_LINES, 3)
            note = self._fault or _KEYS
            live.update(_picture(self._figures, self._sort, rows, note), refresh=True)


def _sorted_by(key: str, now: str) -> str:
    if key == "s":
        return SORTS[(SORTS.index(now) + 1) % len(SORTS)]
    return next((name for name in SORTS if name[0] == key), now)


def _look(session: Session) -> Look:
    return Look.read(session.client.metrics())


def _figures(session: Session, before: Look, now: Look) -> Figures:
    lanes = session.client.get(session.path("lanes"), limit=_LANES)
    return compare(before, now, lanes)


def _picture(figures: Figures, sort: str, rows: int | None = None, note: str = "") -> Group:
    from firesteel.cli.top_shown import picture

    return picture(figures, sort, rows=rows, note=note)


def _console() -> Console:
    from rich.console import Console

    # Into a pipe, lines are as long as they are.
    return Console() if sys.stdout.isatty() else Console(width=200, no_color=True)


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """Keys come at once and are not shown; afterwards the terminal is as it was."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
