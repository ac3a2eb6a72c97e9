"""Finds a node and speaks to its REST API.

``FIRESTEEL_URL`` and ``FIRESTEEL_TOKEN`` name any node; without them the node of the data directory
on this machine is meant: it writes its address and a local token there while it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.installed import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import httpx2

NODE_FILE = "node.json"
TIMEOUT_S = 60.0
_NOT_FOUND = 404
_FAULTS = frozenset({"integration_invalid", "connection_invalid"})


@dataclass(frozen=True, slots=True)
class Node:
    """Where a node is. ``certificate``: of a node on this machine that has TLS; ``is_here``: it was
    found by its data directory."""

    admin_url: str
    token: str = field(repr=False)
    public_url: str = ""
    certificate: Path | None = None
    is_here: bool = False


def find_node(data_dir: Path | None) -> Node:
    """The node that is meant. Raises CommandFailed (exit code 3) where there is none."""
    url = os.environ.get("FIRESTEEL_URL")
    if url:
        return Node(url.rstrip("/"), os.environ.get("FIRESTEEL_TOKEN", ""))
    directory = data_dir or _configured_data_dir()
    path = directory / NODE_FILE
    try:
        described = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CommandFailed(
            f"no node runs with the data directory {directory}",
            exit_code=Exit.UNREACHABLE,
            code="node_not_found",
            hint="start one with `firesteel serve`, or set FIRESTEEL_URL and FIRESTEEL_TOKEN",
        ) from None
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"{path} cannot be read: {error}", exit_code=Exit.UNREACHABLE, code="node_not_found"
        ) from error
    certificate = described.get("certificate")
    return Node(
        admin_url=str(described["admin_url"]).rstrip("/"),
        token=str(described["token"]),
        public_url=str(described.get("public_url", "")),
        certificate=Path(certificate) if certificate else None,
        is_here=True,
    )


class NodeClient:
    """The REST API of one node. Every method raises CommandFailed for any answer but a 2xx."""

    def __init__(self, node: Node) -> None:
        import httpx2

        self.node = node
        self._http = httpx2.Client(
            base_url=f"{node.admin_url}/api/v1",
            headers={"authorization": f"Bearer {node.token}"},
            timeout=TIMEOUT_S,
            verify=trust(node),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """Read."""
        return self.send("GET", path, parameters=parameters)

    def put(self, path: str, body: Any, **parameters: Any) -> Any:
        """Set."""
        return self.send("PUT", path, body=body, parameters=parameters)

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """Make or do."""
        return self.send("POST", path, body=body, parameters=parameters)

    def patch(self, path: str, body: Any) -> Any:
        """Change in part."""
        return self.send("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """Remove."""
        return self.send("DELETE", path)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        parameters: dict[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        """The decoded JSON answer; None for one without a body. Parameters of None are left out.
        ``timeout_s``: without a byte."""
        import httpx2

        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"content-type": "application/json"}
        try:
            response = self._http.request(
                method, path, params=given, content=content, headers=headers, timeout=timeout_s
            )
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_success:
            return response.json() if response.content else None
        raise _failure(response)

    def metrics(self) -> str:
        """What the node tells Prometheus, which stands beside the API."""
        import httpx2

        try:
            response = self._http.get(f"{self.node.admin_url}/metrics")
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_success:
            return response.text
        raise _failure(response)

    @contextlib.contextmanager
    def stream(self, method: str, path: str, *, timeout_s: float) -> Iterator[httpx2.Response]:
        """An answer whose body is read in the block, a piece at a time."""
        import httpx2

        try:
            with self._http.stream(method, path, timeout=timeout_s) as response:
                if not response.is_success:
                    response.read()
                    raise _failure(response)
                yield response
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx2.TransportError) -> CommandFailed:
        return CommandFailed(
            f"the node at {self.node.admin_url} does not answer: {_reason(error)}",
            exit_code=Exit.UNREACHABLE,
            code="node_unreachable",
            hint="is it running? `firesteel serve` starts one",
        )


def path_of(*parts: str) -> str:
    """A path of the API from its parts, each percent-encoded."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def trust(node: Node) -> ssl.SSLContext | bool:
    """Whose certificates are believed: the usual authorities; of a node on this machine its own
    certificate and no other, by whatever name it is reached."""
    if node.certificate is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=str(node.certificate))
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(f"{node.certificate} cannot be read: {error}") from error
    return context


def _configured_data_dir() -> Path:
    from firesteel.settings import SettingsError

    try:
        return settings_of(None).data_dir
    except SettingsError as error:
        raise CommandFailed(error.detail, exit_code=Exit.USAGE, code=error.code) from error


def _failure(response: httpx2.Response) -> CommandFailed:
    """What an answer says, with the exit code that fits it."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    code = str(problem.get("type", "")).removeprefix("urn:firesteel:") or "unexpected_answer"
    detail = str(problem.get("detail") or f"the node answered {response.status_code}")
    return CommandFailed(
        detail,
        exit_code=_exit_code(response.status_code, code),
        code=code,
        hint=_hint(response.status_code),
        errors=problem.get("errors") or (),
    )


def _reason(error: httpx2.TransportError) -> str:
    return str(error) or type(error).__name__


def _exit_code(status: int, code: str) -> Exit:
    if code in _FAULTS or status >= 500:
        return Exit.FAILED
    if status == _NOT_FOUND:
        return Exit.NOT_FOUND
    return Exit.REFUSED


def _hint(status: int) -> str:
    return "set FIRESTEEL_TOKEN to a token of this node" if status == 401 else ""
