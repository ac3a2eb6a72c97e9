"""What the supervisor hands to the engine process: settings, sockets and the token of its workers.

It travels as JSON in one environment variable, which the engine removes from its environment before
anything else; only processes of the same user could read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from firesteel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import MutableMapping

VARIABLE = "FIRESTEEL_HANDOVER"
STARTED_VARIABLE = "FIRESTEEL_STARTED_AT_S"
"""When the supervisor started the process, by the monotonic clock, which all processes share."""


@dataclass(frozen=True, slots=True)
class Handover:
    """File descriptors are those of the bound sockets and pipes that the engine inherits.
    ``public_fd`` None: the node takes no calls. ``paused``: a name for this life of
    the supervisor, where it is to begin with a pause; empty where it is not. ``again``: an engine
    before this one was ready, so that the store has what the project folder had. ``leaving``: the
    node is about to stop, and its health is red."""

    settings: Settings
    token: str
    public_fd: int | None
    admin_fd: int
    workers_fd: int
    lifeline_fd: int
    ready_fd: int
    paused: str = ""
    again: bool = False
    leaving: bool = False

    @property
    def fds(self) -> tuple[int, ...]:
        """All that must stay open in the child."""
        own = (self.admin_fd, self.workers_fd, self.lifeline_fd, self.ready_fd)
        return own if self.public_fd is None else (self.public_fd, *own)

    def encode(self) -> str:
        """As text for the environment."""
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Handover:
        """Read it and remove it from the environment."""
        return msgspec.json.decode(environ.pop(VARIABLE), type=cls, dec_hook=_decoded)


def _decoded(kind: type[Any], value: Any) -> Any:
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(kind)
