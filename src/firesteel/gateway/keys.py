"""The keys of a call: its lane, its idempotency key and its search values, by plain paths.

The body is parsed only where a path leads into it or the trigger says what it must be; a big one
in a worker, never in the loop (P27). What is only looked up in headers or query costs next to
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from firesteel.errors import OperatorError
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.body import compile_body_rule, parse_body
from firesteel.model.path import MISSING, as_key
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firesteel.engine.route import Route
    from firesteel.gateway.engine_port import EnginePort
    from firesteel.model.body import ParsedBody
    from firesteel.model.message import Headers

LOOP_LIMIT_BYTES: Final = 256 * 1024
# XML of tiny elements takes four times as long to read as anything else.
XML_LOOP_LIMIT_BYTES: Final = 64 * 1024
# CSV of rows of one letter takes eight times as long to redact.
CSV_LOOP_LIMIT_BYTES: Final = 32 * 1024
PATH_LIMIT_BYTES: Final = 1024 * 1024


class Keys(NamedTuple):
    """As ``engine.calls.Call`` wants them."""

    lane: str | None
    idempotency: str | None
    search: tuple[tuple[str, str], ...]


class Received(NamedTuple):
    """What the paths are read from. ``headers`` have lower-case names."""

    query: Mapping[str, Any]
    headers: Headers
    consumer: str | None
    content_type: str | None
    body: bytes


class KeyPlan:
    """The paths of one trigger, sorted by whether they need the body."""

    __slots__ = ("_body_paths", "_body_rule", "_idempotency_header", "_paths", "_route")

    def __init__(self, route: Route) -> None:
        self._route = route
        self._paths = [path for path in (route.lane_path, route.idempotency_path) if path]
        self._paths += [path for _, path in route.search_paths]
        self._body_paths = [path.text for path in self._paths if path.needs_body]
        mode = route.trigger.body
        self._body_rule = None if mode == "any" else compile_body_rule(mode)
        self._idempotency_header = self._only_header()

    def simple(self, headers: Mapping[bytes, bytes]) -> Keys | None:
        """The keys where nothing was sent that any path could find; None: they must be read."""
        if self._idempotency_header is None or self._idempotency_header in headers:
            return None
        return _NO_KEYS_IN_LANE if self._route.ordered else _NO_KEYS

    def needs_worker(self, received: Received) -> bool:
        """Whether the body must be read, and is too big for the loop."""
        if not self._body_paths and self._body_rule is None:
            return False
        return len(received.body) > loop_limit_bytes(received.content_type)

    def read(self, received: Received) -> Keys:
        """Raises CallRefused ``body_invalid`` and ``missing_key``."""
        return self._with_others(received, self._from_body(received))

    async def read_in_worker(self, received: Received, engine: EnginePort) -> Keys:
        """The same for a big body. Raises also ``workers_unavailable``, where none is there."""
        return self._with_others(received, await self._from_big_body(received, engine))

    def _with_others(self, received: Received, found: dict[str, str]) -> Keys:
        for path in self._paths:
            if not path.needs_body:
                value = path.read(received.query, received.headers, received.consumer, None)
                key = as_key(value)
                if key is not MISSING:
                    found[path.text] = key
        return self._keys(found)

    def _only_header(self) -> bytes | None:
        """The header of the idempotency key, where that is all there is to read."""
        path = self._route.idempotency_path
        if path is None or path.root != "headers" or len(self._paths) > 1 or self._body_rule:
            return None
        return path.parts[0].encode("latin-1")

    def _from_body(self, received: Received) -> dict[str, str]:
        if self._body_rule is not None:
            _refuse(self._body_rule.check(received.content_type, received.body))
        if not self._body_paths:
            return {}
        return self._found(parse_body(received.content_type, received.body))

    async def _from_big_body(self, received: Received, engine: EnginePort) -> dict[str, str]:
        paths = self._body_paths if len(received.body) <= PATH_LIMIT_BYTES else []
        if not paths and self._body_rule is None:
            return {}
        try:
            read = await engine.read_body(self._route, received.content_type, received.body, paths)
        except OperatorError as error:
            raise CallRefused(Problem("workers_unavailable")) from error
        _refuse(read.faults)
        pairs = zip(paths, read.keys, strict=True)
        return {path: key for path, key in pairs if key is not None}

    def _found(self, parsed: ParsedBody) -> dict[str, str]:
        found: dict[str, str] = {}
        once_is_a_list = parsed.once_is_a_list
        for path in self._paths:
            if path.needs_body:
                value = path.read({}, (), None, parsed.body, once_is_a_list=once_is_a_list)
                key = as_key(value)
                if key is not MISSING:
                    found[path.text] = key
        return found

    def _keys(self, found: Mapping[str, str]) -> Keys:
        route = self._route
        lane = "" if route.ordered else None
        if route.lane_path is not None:
            lane = found.get(route.lane_path.text)
            if lane is None:
                detail = f"{route.lane_path.text} yields no ordering key in this call."
                raise CallRefused(Problem("missing_key", detail))
        idempotency = found.get(route.idempotency_path.text) if route.idempotency_path else None
        search = [
            (name, found[path.text]) for name, path in route.search_paths if path.text in found
        ]
        return Keys(lane, idempotency, tuple(search))


_NO_KEYS: Final = Keys(None, None, ())
_NO_KEYS_IN_LANE: Final = Keys("", None, ())


def _refuse(faults: Any) -> None:
    if faults:
        raise CallRefused(Problem("body_invalid", errors=faults))


def loop_limit_bytes(content_type: str | None) -> int:
    """Up to which size a body of that type may be parsed in the loop."""
    kind = (content_type or "").lower()
    if "csv" in kind:
        return CSV_LOOP_LIMIT_BYTES
    return XML_LOOP_LIMIT_BYTES if "xml" in kind else LOOP_LIMIT_BYTES
