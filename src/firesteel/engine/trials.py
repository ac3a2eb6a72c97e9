"""What people try before they publish: previews of expressions, single steps, functions on disk.

All of it is done by workers, off the way of executions: nothing is journaled, no slot is taken, and
few are let in at once. A step that is tried acts for real, but for ``sql``, which is rolled back
unless the contrary is asked for.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firesteel.errors import CallerError
from firesteel.model import frames
from firesteel.model.expressions import steps
from firesteel.model.fault import value_at
from firesteel.model.findings import mapping
from firesteel.model.message import Message, Request, encode_request, without_credentials
from firesteel.model.trials import Ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.engine.parts import Parts
    from firesteel.model.execution import JournalEntry

PREVIEWS_AT_ONCE = 4
APART_AT_ONCE = 2
SAMPLE_BYTES = 10 * 1024 * 1024
"""It goes to a worker with every few keystrokes."""
FUNCTIONS_TIMEOUT_S = 20.0
TRY_TIMEOUT_S = 30.0
OUTSIDE = ("sql", "http", "python")
"""Kinds of steps that reach beyond the node."""


@dataclass(frozen=True, slots=True)
class PastedSample:
    """A call that somebody has written down; ``query`` as in a URL, behind its ``?``."""

    method: str = "POST"
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A message of the workspace; ``run`` None: its latest execution, whose steps' results are
    taken."""

    message_id: str
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """On what something is tried: ``document`` may be a draft. ``results``: JSON of an object, of
    steps by name, which go before those of the message."""

    workspace: str
    name: str
    document: dict[str, Any]
    sample: PastedSample | StoredSample = field(default_factory=PastedSample)
    results: bytes = b"{}"
    index: int = 0


@dataclass(frozen=True, slots=True)
class TryOptions:
    """``commit``: let ``sql`` steps keep what they do. ``act``: whoever asks knows that the step
    acts for real."""

    commit: bool = False
    act: bool = False
    timeout_s: float = TRY_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class TriedStep:
    """How it went; ``acted``: the kinds that acted for real; ``rolled_back``: what ``sql`` did."""

    answer: frames.Tried
    acted: list[str]
    rolled_back: bool


class Trials:
    """Part of the engine; used from the event loop's thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._previews = asyncio.Semaphore(PREVIEWS_AT_ONCE)
        self._apart = asyncio.Semaphore(APART_AT_ONCE)

    async def preview(
        self, scene: Scene, what: dict[str, object], *, sees: bool = False
    ) -> frames.Previewed:
        """Evaluate ``what`` (see ``frames.Preview``). Raises CallerError ``unknown_message``,
        ``payload_purged``; NoWorker."""
        ground = await self._ground(scene)
        async with self._previews:
            return await self._parts.questions.preview(ground, what, sees=sees)

    async def try_step(self, scene: Scene, step: str, options: TryOptions) -> TriedStep:
        """Do one step of the scene's document once. Raises what ``preview`` raises, and CallerError
        ``unknown_step``; ``acts_for_real`` where it does and ``act`` was not said."""
        alone = {"workflow": {"steps": [_step(scene, step)]}}
        called = await self._called(scene.workspace, alone)
        kinds = _outside_kinds([alone, *called.values()])
        roll_back = "sql" in kinds and not options.commit
        acted = [kind for kind in kinds if kind != "sql" or not roll_back]
        if acted and not options.act:
            text = f"{' and '.join(acted)} would act for real, and cannot be rolled back"
            raise CallerError(text, code="acts_for_real")
        ground = await self._ground(scene)
        connections = await self._parts.connections.load(scene.workspace)
        documents = {name: json.dumps(document).encode() for name, document in called.items()}
        execution = f"try-{self._parts.clock.new_id()}"

        def make(number: int) -> frames.Try:
            return frames.Try(
                number,
                scene.workspace,
                ground,
                step,
                execution,
                roll_back,
                options.timeout_s,
                documents,
                connections.connections,
                connections.outgoing_allow,
            )

        async with self._apart:
            answer = await self._parts.questions.try_step(make, options.timeout_s)
        return TriedStep(answer, acted, roll_back)

    async def functions(self) -> frames.FunctionsFound:
        """The Python functions of the project's workflows folder. Raises NoWorker."""
        async with self._apart:
            return await self._parts.questions.functions(FUNCTIONS_TIMEOUT_S)

    # inside

    async def _ground(self, scene: Scene) -> Ground:
        document = json.dumps(scene.document, ensure_ascii=False).encode()
        if isinstance(scene.sample, StoredSample):
            message, journal = await self._stored(scene.workspace, scene.sample)
        else:
            message, journal = self._pasted(scene, scene.sample), []
        return Ground(document, message, journal, scene.results, scene.index)

    async def _stored(
        self, workspace: str, sample: StoredSample
    ) -> tuple[Message, list[JournalEntry]]:
        executions = await self._parts.history.executions(sample.message_id)
        if not executions or executions[0].summary.workspace != workspace:
            raise CallerError(f"there is no message {sample.message_id}", code="unknown_message")
        found = executions[-1]
        if sample.run is not None:
            runs = {item.summary.run: item for item in executions}
            if sample.run not in runs:
                raise CallerError(code="unknown_execution")
            found = runs[sample.run]
        if found.message is None:
            raise CallerError(code="payload_purged")
        if len(found.message.body) > SAMPLE_BYTES:
            limit = f"{SAMPLE_BYTES // 1024**2} MiB"
            detail = f"the message's body is over {limit}: paste a part of it instead"
            raise CallerError(detail, code="invalid_request")
        return found.message, found.journal

    def _pasted(self, scene: Scene, sample: PastedSample) -> Message:
        headers = [
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in sample.headers
        ]
        request = Request(
            sample.method,
            f"/{scene.workspace}/{scene.name}",
            sample.query.removeprefix("?").encode(),
            without_credentials(headers),
        )
        now_us = self._parts.clock.now_us()
        return Message("0" * 32, 1, now_us, None, encode_request(request), sample.body)

    async def _called(self, workspace: str, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The published documents that this one may come to call, by name."""
        waiting = _calls(document)
        found: dict[str, dict[str, Any]] = {}
        if not waiting:
            return found
        listed = await self._parts.catalog.integrations(workspace)
        published = {item.name: item.document for item in listed}
        while waiting:
            name = waiting.pop()
            if name in published and name not in found:
                found[name] = published[name]
                waiting |= _calls(published[name])
        return found


def _step(scene: Scene, name: str) -> dict[str, Any]:
    for _, step in steps(scene.document):
        if step.get("name") == name:
            return step
    raise CallerError(f"the workflow has no step {name}", code="unknown_step")


def _calls(document: dict[str, Any]) -> set[str]:
    named = (mapping(step.get("call")).get("integration") for _, step in steps(document))
    return {name for name in named if isinstance(name, str)}


def _outside_kinds(documents: list[dict[str, Any]]) -> list[str]:
    """What the steps of documents do beyond the node."""
    kinds = {
        kind for one in documents for _, step in steps(one) for kind in OUTSIDE if kind in step
    }
    if any(value_at(one, "/workflow/python") for one in documents):
        kinds.add("python")
    return [kind for kind in OUTSIDE if kind in kinds]
