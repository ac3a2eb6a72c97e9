"""Network namespaces for nodes, so that one can be cut from the database and from nothing else.

A node in a namespace has two cables: to the bridge of the callers (10.77.N.0/24), on which the
test and the witness are .1, and to the bridge of the database (10.78.N.0/24), on which PostgreSQL
is .1. Pulling the second one loses every packet without a word to either side, as a dead switch
would.

Linux, root and Debian's iproute2.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pytest

_numbers = itertools.count(2)
_NETWORKS = 250

needed = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None,
    reason="network namespaces need Linux, root and iproute2",
)


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def _tried(words: str) -> bool:
    with contextlib.suppress(subprocess.CalledProcessError):
        _ip(words)
        return True
    return False


@dataclass(frozen=True, slots=True)
class Networks:
    """Two bridges; ``number`` makes their names and addresses different from another test's."""

    number: int

    @classmethod
    @contextlib.contextmanager
    def made(cls) -> Iterator[Self]:
        """New ones, gone at the end of the block with all that hangs on them."""
        free = (n for n in range(1, _NETWORKS) if _tried(f"link add fsc{n} type bridge"))
        networks = cls(next(free))
        try:
            _ip(f"link add fsd{networks.number} type bridge")
            for kind, host in (("c", networks.callers), ("d", networks.database)):
                _ip(f"addr add {host}/24 dev fs{kind}{networks.number}")
                _ip(f"link set fs{kind}{networks.number} up")
            yield networks
        finally:
            for kind in "cd":
                _tried(f"link del fs{kind}{networks.number}")

    @property
    def callers(self) -> str:
        """The test's own address, where the witness listens."""
        return f"10.77.{self.number}.1"

    @property
    def database(self) -> str:
        """Where PostgreSQL listens."""
        return f"10.78.{self.number}.1"

    @contextlib.contextmanager
    def namespace(self) -> Iterator[Namespace]:
        """One more node's, for the length of the block."""
        namespace = Namespace(self, next(_numbers))
        try:
            namespace.make()
            yield namespace
        finally:
            _tried(f"netns del {namespace.name}")


@dataclass(frozen=True, slots=True)
class Namespace:
    """``host``: the address at which callers find what listens in it."""

    networks: Networks
    number: int

    @property
    def name(self) -> str:
        return f"fs{self.networks.number}-{self.number}"

    @property
    def host(self) -> str:
        return f"10.77.{self.networks.number}.{self.number}"

    @property
    def within(self) -> tuple[str, ...]:
        """Words before a command that make it run in here, with the process id of the first."""
        return ("ip", "netns", "exec", self.name)

    def make(self) -> None:
        """The namespace and its two cables."""
        _ip(f"netns add {self.name}")
        _ip(f"-n {self.name} link set lo up")
        for kind, network in (("c", 77), ("d", 78)):
            _ip(f"link add {self._cable(kind)} type veth peer name in-{kind} netns {self.name}")
            _ip(f"link set {self._cable(kind)} master fs{kind}{self.networks.number} up")
            address = f"10.{network}.{self.networks.number}.{self.number}"
            _ip(f"-n {self.name} addr add {address}/24 dev in-{kind}")
            _ip(f"-n {self.name} link set in-{kind} up")

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """The database is out of reach for the length of the block."""
        self.pull()
        try:
            yield
        finally:
            self.plug()

    def pull(self) -> None:
        """Cut it from the database."""
        _ip(f"link set {self._cable('d')} down")

    def plug(self) -> None:
        """The database is within reach again."""
        _ip(f"link set {self._cable('d')} up")

    def _cable(self, kind: str) -> str:
        return f"f{kind}{self.networks.number}-{self.number}"
