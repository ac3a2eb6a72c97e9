"""Run a workflow, or a whole integration, in a test without a server.

::

    from firesteel.testing import run, run_integration


    def test_a_new_customer_gets_a_number():
        result = run(create_customer, {"name": "Ada", "city": "London"})
        assert result.response.status == 201
        assert result.response.json() == {"customer_no": 1001}


    def test_an_unknown_item_is_a_404():
        result = run_integration("integrations/ItemPrice.yaml", query={"item": "nothing"})
        assert result.response.status == 404

What runs is what a worker runs: the input is checked, steps are journaled, errors are classified.
``run(..., journal=result.journal)`` is the next attempt after a crash: steps in the journal are not
done again. Connections are real; give a test its own (``connections={"erp": {"sql": "sqlite://..."}}``).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from firesteel.authoring import Message
from firesteel.model import connection as connection_documents
from firesteel.model import document as documents
from firesteel.model import frames, json_exact
from firesteel.model.execution import Failure, JournalEntry
from firesteel.model.execution import Response as StoredResponse
from firesteel.model.message import Message as StoredMessage
from firesteel.model.message import Request, encode_request, without_credentials
from firesteel.model.step_result import decode_result
from firesteel.worker import capture
from firesteel.worker.attempt import Attempt
from firesteel.worker.code_folder import use_folder
from firesteel.worker.connections import WorkspaceConnections, local_connections
from firesteel.worker.functions import Found, find_function, plain_function
from firesteel.worker.threads import Threads
from firesteel.worker.version import Version

__all__ = ["Answer", "Journal", "Result", "StepRecord", "run", "run_integration"]

R = TypeVar("R")
Journal = Sequence[JournalEntry]

TIMEOUT_S = 60.0
LOOPBACK = ("127.0.0.0/8", "::1/128")
_UNDER_TEST = "under_test:workflow"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller would get; ``headers`` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON; numbers with decimals are floats."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step that is in the journal: ``place`` such as ``price`` or ``insert_customer#0``."""

    place: str
    kind: str
    result: Any


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended. Where it failed, ``failure`` has the kind, code and text, and
    ``response`` the status that a waiting caller would get, without a body."""

    response: Answer
    failure: Failure | None
    steps: list[StepRecord]
    logs: str
    journal: Journal


@dataclass(slots=True)
class _Local:
    """Stands for the engine and for what a worker has around its attempts."""

    folder: Path | None
    found: Found | None = None
    siblings: dict[str, dict[str, Any]] = field(default_factory=dict)
    threads: Threads = field(default_factory=Threads)
    entries: list[JournalEntry] = field(default_factory=list)
    outcome: frames.Outcome | None = None
    attempt: Attempt | None = None
    traces: None = None

    def send(self, frame: frames.Frame) -> None:
        """Journal a record at once; keep the outcome."""
        if isinstance(frame, frames.Record) and self.attempt is not None:
            self.entries.append(frame.entry)
            answer = frames.Recorded(frame.execution_no, frame.epoch, frame.entry.step, True)
            asyncio.get_running_loop().call_soon(self.attempt.recorded, answer)
        elif isinstance(frame, frames.Outcome):
            self.outcome = frame

    async def find_function(self, reference: str) -> Found:
        """The function under test, or one of the project."""
        if self.found is not None and reference == _UNDER_TEST:
            return self.found
        folder = None if self.folder is None else (self.folder / "workflows").resolve()
        return find_function(reference, folder)

    async def find_integration(self, workspace: str, name: str) -> Version | None:
        """Another integration of the same folder."""
        document = self.siblings.get(name)
        return None if document is None else Version(_define(document))


class _Given(Version):
    """A workflow whose input is given instead of made from the message."""

    given: Any = None

    def default_input(self, message: Message) -> Any:
        return self.given


def run(
    workflow: Callable[..., Any],
    input: Any = None,
    *,
    message: Message | None = None,
    journal: Journal = (),
    consumer: str | None = None,
) -> Result:
    """Run a Python workflow on ``input`` and return how it ended; never raises what it raises.

    ``message``: what a workflow that takes one gets. ``journal``: of an earlier result, for what a
    retry does. Raises FunctionInvalid for a function that is no workflow.
    """
    document = {"name": "under_test", "workflow": {"python": _UNDER_TEST}}
    version = _Given(_define(document))
    version.given = input
    message = message or Message(consumer=consumer)
    local = _Local(None, plain_function(workflow))
    stored = _stored(_request("POST", "", {}), b"", consumer)
    return _in_a_loop(
        _attempted(version, stored, local, local_connections({}, None), journal, message)
    )


def run_integration(  # noqa: PLR0913  # the parts of a call, all by name
    integration: str | Path | dict[str, Any],
    *,
    method: str = "POST",
    query: Mapping[str, Any] | str = "",
    headers: Mapping[str, str] | None = None,
    body: Any = b"",
    consumer: str | None = None,
    connections: Mapping[str, Any] | None = None,
    project: str | Path | None = None,
    journal: Journal = (),
    outgoing_allow: Sequence[str] = LOOPBACK,
) -> Result:
    """Run a whole integration on a call: data processing, workflow, response.

    ``integration``: a file of a project, or a document. ``body``: bytes or text as they are,
    anything else as JSON. ``connections``: documents by name that stand in for those of
    connections.yaml. ``project``: its folder, by default the one above the file's. Authentication,
    ordering and the checks of the gateway are not part of it. Raises InvalidDocument, and
    InvalidConnection for the project's connections.yaml.
    """
    document, folder, siblings = _read(integration, project)
    if folder is not None and str(folder / "workflows") not in sys.path:
        use_folder(folder / "workflows")
    known = _connections(folder) | dict(connections or {})
    sent = dict(headers or {})
    if not isinstance(body, bytes | str):
        body = json_exact.dumps(body)
        sent = {"content-type": "application/json"} | sent
    raw_query = query if isinstance(query, str) else urlencode(query, doseq=True)
    stored = _stored(_request(method, raw_query, sent), _bytes(body), consumer)
    return _in_a_loop(
        _attempted(
            Version(_define(document)),
            stored,
            _Local(folder, siblings=siblings),
            local_connections(known, folder, outgoing_allow),
            journal,
        )
    )


async def _attempted(  # noqa: PLR0913, PLR0917
    version: Version,
    stored: StoredMessage,
    local: _Local,
    connections: WorkspaceConnections,
    journal: Journal,
    message: Message | None = None,
) -> Result:
    frame = frames.Run(1, 1, "0" * 31 + "1", 1, 1, TIMEOUT_S, stored, list(journal))
    attempt = Attempt(frame, version, surroundings=local, connections=connections, send=local.send)
    local.attempt = attempt
    if message is not None:
        attempt.message.taking(message)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with capture.collecting():
        attempt.start(lambda _: ended.set_result(None))
        try:
            await ended
        finally:
            await connections.close()
            local.threads.close()
    assert local.outcome is not None
    return _result(local.outcome, [*journal, *local.entries, *local.outcome.entries])


def _result(outcome: frames.Outcome, entries: list[JournalEntry]) -> Result:
    response = outcome.response
    if response is None:
        invalid = outcome.failure is not None and outcome.failure.code == "input_invalid"
        response = StoredResponse(422 if invalid else 502, [], b"")
    steps = [StepRecord(entry.step, entry.kind, decode_result(entry.result)) for entry in entries]
    answer = Answer(response.status, dict(response.headers), response.body)
    return Result(answer, outcome.failure, steps, outcome.logs, entries)


def _in_a_loop(work: Coroutine[Any, Any, R]) -> R:
    """In a loop of its own; in a thread of its own where the test runs in a loop itself."""
    if not _in_loop():
        return asyncio.run(work)
    results: list[R] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _read(
    integration: str | Path | dict[str, Any], project: str | Path | None
) -> tuple[dict[str, Any], Path | None, dict[str, dict[str, Any]]]:
    """The document, the project's folder, and the documents beside it by name."""
    folder = None if project is None else Path(project).resolve()
    if isinstance(integration, dict):
        return documents.integration_json(documents.parse_document(integration)), folder, {}
    file = Path(integration).resolve()
    document = _document(file)
    beside = [_document(other) for other in sorted(file.parent.glob("*.yaml")) if other != file]
    siblings = {other["name"]: other for other in [document, *beside]}
    return document, folder or file.parent.parent, siblings


def _document(file: Path) -> dict[str, Any]:
    checked = documents.check_integration(file.read_text(), str(file))
    if checked.integration is None:
        raise documents.InvalidDocument(checked.faults)
    return documents.integration_json(checked.integration)


def _connections(folder: Path | None) -> dict[str, Any]:
    """Those of the project; ``${NAME}`` comes from the environment."""
    file = None if folder is None else folder / "connections.yaml"
    if file is None or not file.exists():
        return {}
    checked = connection_documents.check_connections(file.read_text(), str(file))
    if checked.faults:
        raise connection_documents.InvalidConnection(checked.faults)
    known = {}
    for name, connection in checked.connections.items():
        document = connection_documents.connection_json(connection)
        names = connection_documents.connection_references(document)
        if all(reference in os.environ for reference in names):
            known[name] = connection_documents.resolved(document, os.environ.get)
    return known


def _define(document: dict[str, Any]) -> frames.Define:
    return frames.Define(1, "test", 1, json.dumps(document).encode())


def _request(method: str, raw_query: str, headers: Mapping[str, str]) -> Request:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request(method, "/test/under_test", raw_query.encode(), without_credentials(pairs))


def _stored(request: Request, body: bytes, consumer: str | None) -> StoredMessage:
    return StoredMessage("0" * 32, 1, 0, consumer, encode_request(request), body)


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body
