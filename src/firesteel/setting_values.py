"""How the values of settings are written, and what is taken of them.

Each function takes the text and returns the value; ValueError has a text for people that does not
repeat the value, which may be a secret.
"""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from firesteel.model.encryption_key import parse_key
from firesteel.model.quantities import parse_duration, parse_size

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HIGHEST_PORT = 65_535
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d{0,5})?")
_DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")


def written(value: object) -> str:
    """A value of a flag or of a TOML file as the text that an environment variable would hold."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Path):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise ValueError("is a table or a list of something else than texts")


def positive(most: int) -> Callable[[str], int]:
    """A whole number from 1 to ``most``."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise ValueError(f"is not a whole number from 1 to {most}")
        return int(text)

    return parse


def port(text: str) -> int:
    """A TCP port; 0 asks for a free one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _HIGHEST_PORT:
        raise ValueError("is not a port: a whole number from 0 to 65535")
    return int(text)


def host(text: str) -> str:
    """An IP address or a host name."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError("is neither an IP address nor a host name") from None
        return text


def is_loopback(name: str) -> bool:
    """True where only this machine can reach a listener on that address."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def path(text: str) -> Path:
    """A path, ``~`` written out."""
    return Path(text).expanduser()


def header_name(text: str) -> str:
    """The name of a header."""
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError("is not the name of a header")
    return text


def duration(least_s: float, most_s: float) -> Callable[[str], float]:
    """A duration such as 30s, in seconds."""

    def parse(text: str) -> float:
        seconds = parse_duration(text)
        if not least_s <= seconds <= most_s:
            raise ValueError(f"is not between {least_s:g}s and {most_s:g}s")
        return seconds

    return parse


def size(least_bytes: int) -> Callable[[str], int]:
    """A size such as 1GiB, in bytes."""

    def parse(text: str) -> int:
        number = parse_size(text)
        if number < least_bytes:
            raise ValueError(f"is less than {least_bytes // 1024**2}MiB")
        return number

    return parse


def choice(*options: str) -> Callable[[str], str]:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"is none of {', '.join(options)}")
        return text

    return parse


def workspace(text: str) -> str:
    """The name of a workspace, the first part of every public URL."""
    if not _WORKSPACE.fullmatch(text):
        raise ValueError(
            "is not 1 to 64 letters, digits, - and _, of which the first is a letter or digit"
        )
    return text


def networks(text: str) -> tuple[str, ...]:
    """Networks or addresses, separated by commas, in canonical form."""
    found = []
    for item in text.split(","):
        try:
            found.append(str(ipaddress.ip_network(item.strip())))
        except ValueError:
            raise ValueError("is not a list of networks such as 10.0.0.0/8,::1/128") from None
    return tuple(found)


def hosts(text: str) -> tuple[str, ...]:
    """Host names, ``*.`` and a name, or addresses, separated by commas; in lower case."""
    found = []
    for item in text.split(","):
        name = item.strip().lower().removesuffix(".")
        try:
            found.append(name[:2] * name.startswith("*.") + host(name.removeprefix("*.")))
        except ValueError:
            detail = "is not a list of host names such as hooks.example.com,*.example.org"
            raise ValueError(detail) from None
    return tuple(found)


def public_url(text: str) -> str:
    """An http or https URL without query, with no slash at its end."""
    parts = urlsplit(text)
    whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    if not whole or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("is not a URL such as https://hooks.example.com")
    return text.rstrip("/")


def encryption_key(text: str) -> bytes:
    """A key of 32 bytes in URL-safe base64."""
    return parse_key(text)


def database_url(text: str) -> str:
    """A database URL as SQLAlchemy writes it; SQLite files and PostgreSQL. ``postgres://``, which
    hosters write, is taken as well."""
    scheme, separator, rest = text.partition("://")
    if scheme == "postgres" and separator:
        scheme, text = "postgresql", f"postgresql://{rest}"
    if not separator or scheme not in _DATABASES:
        raise ValueError("is not sqlite:///path/to/file or postgresql://user:password@host/name")
    if scheme == "sqlite" and not rest.removeprefix("/"):
        raise ValueError("names no file; a store in memory would lose what was accepted")
    hosts = re.split(r"[/?]", rest, maxsplit=1)[0].rpartition("@")[2]
    if scheme != "sqlite" and not all(_HOST_AND_PORT.fullmatch(one) for one in hosts.split(",")):
        raise ValueError("has a port that is no number")
    return text


def sqlite_path(url: str | None) -> Path | None:
    """The file of a ``sqlite:///`` URL; None for other databases."""
    if url is None or not url.startswith("sqlite:///"):
        return None
    return path(url.removeprefix("sqlite:///"))


def can_trace() -> bool:
    """Whether the extra that exports traces is installed."""
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    return False


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
