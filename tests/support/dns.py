"""A DNS server of the test's own, and how a process is started that asks it and no other.

It answers A and AAAA over UDP (RFC 1035). A name may have several rounds of answers: what it
resolves to then changes from one look to the next, as DNS rebinding does.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

ADDRESS = "127.5.3.53"
_A, _AAAA = 1, 28
_FOUND, _NO_SUCH_NAME = 0x8180, 0x8183


def _may_mount() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    )


needed = pytest.mark.skipif(
    not _may_mount(), reason="a DNS server of its own needs Linux, root and unshare"
)


@dataclass
class DnsServer:
    """``names``: rounds of addresses by name; the last round repeats. ``asked``: the questions."""

    names: dict[str, list[list[str]]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def started(cls, names: dict[str, list[list[str]]]) -> Iterator[Self]:
        """On port 53 of an address of its own."""
        server = cls(names)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind((ADDRESS, 53))
            thread = threading.Thread(target=server._serve, args=(bound,), daemon=True)
            thread.start()
            try:
                yield server
            finally:
                bound.sendto(b"", (ADDRESS, 53))
                thread.join(10)

    def _serve(self, bound: socket.socket) -> None:
        while True:
            question, caller = bound.recvfrom(4096)
            if len(question) < 12:
                return
            bound.sendto(self._answer(question), caller)

    def _answer(self, question: bytes) -> bytes:
        at, labels = 12, []
        while question[at]:
            size = question[at]
            labels.append(question[at + 1 : at + 1 + size].decode("ascii", "replace").lower())
            at += size + 1
        end = at + 5
        (kind,) = struct.unpack_from("!H", question, at + 1)
        name = ".".join(labels)
        rounds = self.names.get(name)
        found = self._addresses(name, kind) if rounds else []
        self.asked.append((name, kind))
        head = struct.pack(
            "!HHHHHH",
            struct.unpack_from("!H", question)[0],
            _FOUND if rounds else _NO_SUCH_NAME,
            1,
            len(found),
            0,
            0,
        )
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(address)) + address for address in found
        )
        return head + question[12:end] + records

    def _addresses(self, name: str, kind: int) -> list[bytes]:
        """Of the round that this question belongs to: each kind is asked for once a look."""
        rounds = self.names[name]
        look = sum(asked == (name, kind) for asked in self.asked)
        texts = rounds[min(look, len(rounds) - 1)]
        parsed = [ipaddress.ip_address(text) for text in texts]
        return [item.packed for item in parsed if (item.version == 4) == (kind == _A)]


def asking(folder: Path) -> Sequence[str]:
    """Words before a command that let it ask this server: a mount of its own over resolv.conf."""
    conf = folder / "resolv.conf"
    conf.write_text(f"nameserver {ADDRESS}\noptions timeout:2 attempts:2\n")
    switch = folder / "nsswitch.conf"
    switch.write_text("hosts: files dns\n")
    script = (
        f"mount --bind {conf} $(readlink -f /etc/resolv.conf) && "
        f'mount --bind {switch} /etc/nsswitch.conf && exec "$@"'
    )
    return ["unshare", "-m", "sh", "-c", script, "sh"]
