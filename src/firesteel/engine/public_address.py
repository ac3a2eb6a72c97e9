"""Where the public port is: what callers are told, and what this process itself connects to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """``url``: what copied URLs and snippets begin with, without a slash at its end; maybe that of
    a proxy. ``host`` and ``port``: the node's own listener, reachable from this machine; port 0:
    the node has none. ``certificate``: its chain as a PEM file; None where it speaks plain HTTP."""

    url: str
    host: str
    port: int
    certificate: Path | None = None

    def of(self, path: str) -> str:
        """The URL of a path of the public port, such as ``/demo/ItemPrice``."""
        return self.url + path
