"""The built bundle: its files by name, and how they are served.

A file's name holds a hash of its content, so browsers may keep it for good. What was compressed
when the bundle was built is sent as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from firesteel.errors import OperatorError

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: headers with names in lower case."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


@lru_cache(maxsize=1)
def manifest() -> dict[str, str]:
    """Source name (``console.js``) to the name of the built file. Raises OperatorError
    ``console_not_built``."""
    try:
        names: dict[str, str] = json.loads((FOLDER / "manifest.json").read_text())
    except FileNotFoundError as error:
        raise OperatorError(
            "the console's bundle is missing: install Firesteel anew, or run `make setup`",
            code="console_not_built",
        ) from error
    return names


def address(name: str) -> str:
    """Where a browser finds a source of the bundle."""
    return PREFIX + manifest()[name]


@lru_cache(maxsize=64)
def asset(path: str, accept_encoding: str) -> Asset | None:
    """What ``/static/...`` answers; None where the bundle has no such file. Only names of the
    manifest are looked at, so no path leads out of the folder."""
    name = path.removeprefix(PREFIX)
    if name not in manifest().values():
        return None
    headers = [
        ("content-type", _TYPES[Path(name).suffix]),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("vary", "accept-encoding"),
    ]
    accepted = {part.split(";")[0].strip() for part in accept_encoding.split(",")}
    for encoding, suffix in _ENCODINGS:
        if encoding in accepted:
            headers.append(("content-encoding", encoding))
            return Asset(tuple(headers), (FOLDER / (name + suffix)).read_bytes())
    return Asset(tuple(headers), (FOLDER / name).read_bytes())
