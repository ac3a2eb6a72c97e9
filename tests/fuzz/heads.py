"""Fuzz targets: what stands in a request's head. Each takes any bytes, asserts what must hold."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from firesteel.admin.console.pages.sign_in import own_path
from firesteel.admin.visitor import Visitor
from firesteel.gateway.prefer import read_prefer
from firesteel.gateway.request_id import RequestIds
from firesteel.gateway.target import Targets
from firesteel.model.forwarded import Proxies, address_of
from firesteel.model.integration import Integration
from firesteel.model.parameters import InvalidParameters, compile_parameters
from tests.fuzz.escapes import wholly_escaped

PARAMETERS = [
    {"name": name, "type": name} for name in ("string", "integer", "number", "boolean", "date")
]
FREE = compile_parameters(Integration(name="A").trigger)
TYPED = compile_parameters(
    Integration.model_validate({"name": "A", "trigger": {"query_parameters": PARAMETERS}}).trigger
)
PROXIES = (Proxies(["10.0.0.0/8"], "x-forwarded"), Proxies(["10.0.0.0/8"], "forwarded"))


class _Asked:
    """Routes that tell what they were asked for."""

    def __init__(self) -> None:
        self.names: tuple[str, str] | None = None
        self.newer: frozenset[tuple[str, str]] = frozenset()

    def find(self, workspace: str, name: str) -> None:
        self.names = (workspace, name)


def any_path(data: bytes) -> None:
    """A path is cut at its slashes, each segment is decoded once, and that is all."""
    asked: Any = _Asked()
    Targets(asked, "").find(data)
    if asked.names is not None:
        segments = data.split(b"/")
        assert not segments[0]
        assert all(segments[1:])
        assert len(segments) in range(3, 7)
        wanted = tuple(unquote_to_bytes(segment).decode() for segment in segments[1:3])
        assert asked.names == wanted


def any_query(data: bytes) -> None:
    """What is taken is what Python's own parser reads; typed values are of their types."""
    try:
        pairs = FREE.read(data).pairs
        values = TYPED.read(data).values
    except InvalidParameters:
        return
    assert pairs == parse_qsl(wholly_escaped(data), keep_blank_values=True, errors="strict")
    assert isinstance(values.get("integer", 0), int)
    assert isinstance(values.get("boolean", True), bool)
    if "date" in values:
        assert len(values["date"]) == 10


def any_prefer(data: bytes) -> None:
    """A wait is not negative, and what is said to be applied can stand in a header."""
    preference = read_prefer(data)
    if preference is not None:
        assert 0 <= preference.wait_s <= 999_999_999
        assert preference.applied.isascii()
        assert preference.applied.isprintable()


def any_forwarded(data: bytes) -> None:
    """Nobody who is not trusted is believed, whatever they send; no value raises."""
    lines = data.split(b"\n")
    headers = [(b"forwarded", line) for line in lines] + [(b"x-forwarded-for", b) for b in lines]
    headers += [(b"x-forwarded-host", data), (b"x-forwarded-proto", data)]
    for proxies in PROXIES:
        stranger = proxies.client("192.0.2.1", headers)
        assert (str(stranger.address), stranger.scheme, stranger.host) == ("192.0.2.1", None, None)
        client = proxies.client("10.0.0.1", headers)
        assert client.scheme in (None, "http", "https")
    address_of(data.decode("latin-1"))


def any_request_id(data: bytes) -> None:
    """What is taken over can stand in a header, a log line and a URN."""
    taken = RequestIds().taken_over(data)
    assert taken.decode("ascii").isprintable()
    assert b" " not in taken


def any_visitor(data: bytes) -> None:
    """Cookies, origins and the way back from the sign-in."""
    cookie, _, other = data.partition(b"\n")
    headers = [(b"cookie", cookie), (b"origin", other), (b"host", b"a"), (b"accept", other)]
    visitor = Visitor({"headers": headers, "method": "POST", "scheme": "http", "client": None})
    secret = visitor.session_secret
    assert secret is None or ";" not in secret
    assert visitor.of_own_page in (True, False)
    way = own_path(data.decode("utf-8", "replace"))
    assert way.startswith("/")
    assert not way.startswith(("//", "/\\"))
