"""The forgetful disk as a test uses it: mounted, filled, made to fail, and cut off its power."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.node import wait_until

GIB = 1024**3
_END_S = 20.0


def missing() -> str:
    """What keeps this machine from mounting it; "" where nothing does."""
    if not Path("/dev/fuse").exists():
        return "there is no /dev/fuse"
    if shutil.which("fusermount3") is None:
        return "fuse3 is not installed"
    return ""


needs_fuse = pytest.mark.skipif(bool(missing()), reason=missing() or "FUSE is there")


@dataclass(frozen=True, slots=True)
class ForgetfulDisk:
    """A disk whose root is ``point``."""

    point: Path
    _process: subprocess.Popen[str]

    @classmethod
    @contextlib.contextmanager
    def mounted(
        cls, point: Path, *, kind: str = "forgetful", capacity_bytes: int = 4 * GIB
    ) -> Iterator[Self]:
        """At a directory, which is made; unmounted with the block."""
        point.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fault.disk.mount", str(point), kind]
        with subprocess.Popen(
            [*command, str(capacity_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                wait_until(lambda: point.is_mount() or process.poll() is not None, _END_S)
                assert process.poll() is None, "the disk could not be mounted"
                yield cls(point, process)
            finally:
                subprocess.run(["fusermount3", "-u", "-z", str(point)], check=False)
                assert process.stdin is not None
                process.stdin.close()
                process.wait(_END_S)

    def cut(self, seed: int) -> None:
        """Cut the power: what was not flushed is gone, and every call fails until ``power_on``."""
        self._tell("cut", seed=seed)

    def power_on(self) -> None:
        """Work again; to be called when every process that used the disk has gone."""
        self._tell("power_on")

    def arm(self, number: int, code: int, *, for_good: bool) -> None:
        """Let the write or flush of that number from now on fail with the errno ``code``."""
        self._tell("arm", number=number, code=code, for_good=for_good)

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self._tell("disarm")

    def failed(self) -> int:
        """How many writes and flushes failed since ``arm``."""
        found: int = self._tell("look")["failed"]
        return found

    def fill(self, *, free_bytes: int) -> None:
        """Let others take so much that this is left."""
        self._tell("fill", free_bytes=free_bytes)

    def clear(self) -> None:
        """Let them give it back."""
        self._tell("clear")

    def _tell(self, do: str, **given: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
