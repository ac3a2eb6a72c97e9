"""What user code prints and logs is kept with its execution.

``sys.stdout`` and ``sys.stderr`` are replaced once in a worker by streams that look for the current
execution in the context; what is written outside of one goes where it always went.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from typing import TYPE_CHECKING, TextIO

from firesteel.authoring import current_execution

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 64 * 1024
CUT = "\n[cut here: more than 64 KiB]\n"


class Captured:
    """The output of one execution, 64 KiB at most; appended to from any thread."""

    __slots__ = ("_left", "_parts")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._left = LIMIT_BYTES - len(CUT)

    def write(self, text: str) -> None:
        """Keep ``text``, or as much of it as fits."""
        if self._left <= 0:
            return
        # A lone surrogate cannot travel in a frame.
        data = text.encode("utf-8", "backslashreplace")
        if len(data) <= self._left:
            self._parts.append(data.decode())
            self._left -= len(data)
        else:
            self._parts.append(data[: self._left].decode("utf-8", "ignore") + CUT)
            self._left = 0

    def text(self) -> str:
        """All that was kept, in order."""
        return "".join(self._parts)


class _Stream(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr."""

    encoding = "utf-8"

    def __init__(self, original: TextIO) -> None:
        self._original = original

    def write(self, text: str) -> int:
        execution = current_execution.get()
        if execution is None:
            return self._original.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        execution.write(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        if current_execution.get() is None:
            self._original.flush()

    def fileno(self) -> int:
        return self._original.fileno()


class _LogHandler(logging.Handler):
    """Records of ``logging``, one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
        except Exception:  # noqa: BLE001  # a bad log call must not end the workflow
            self.handleError(record)
            return
        execution = current_execution.get()
        if execution is None:
            if record.levelno >= logging.WARNING:
                sys.stderr.write(line)
        else:
            execution.write(line)


def install() -> None:
    """Replace the standard streams and collect ``logging`` from INFO on. Once per process."""
    sys.stdout = _Stream(sys.stdout)
    sys.stderr = _Stream(sys.stderr)
    install_log_handler()


@contextlib.contextmanager
def collecting() -> Iterator[None]:
    """The same for a while, such as a test: afterwards all is as it was."""
    streams, root = (sys.stdout, sys.stderr), logging.getLogger()
    level = root.level
    sys.stdout, sys.stderr = _Stream(sys.stdout), _Stream(sys.stderr)
    handler = install_log_handler()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        root.removeHandler(handler)
        root.setLevel(level)


def install_log_handler() -> logging.Handler:
    """Collect ``logging`` from INFO on; the handler, to be taken away by who needs that."""
    handler = _LogHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    if root.level > logging.INFO or root.level == logging.NOTSET:
        root.setLevel(logging.INFO)
    for noisy in ("httpx2", "httpcore2", "httpx", "httpcore"):  # one line for each call at INFO
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return handler
