"""Previews of expressions, tries of single steps, and the Python functions that are deployed."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Body, Path

from firesteel.admin import shapes_trials as shapes
from firesteel.admin import views_trials as views
from firesteel.admin.access import Access
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.bodies.outline import json_fault
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    WorkspaceName,
)
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine
from firesteel.engine.publishing import Publisher
from firesteel.engine.trials import PastedSample, Scene, StoredSample, TryOptions
from firesteel.errors import CallerError, OperatorError

router = APIRouter(prefix="/workspaces/{workspace}", tags=["trials"], route_class=JsonRoute)

StepName = Annotated[str, Path(description="Name of the step.", examples=["price"])]
_GROUND = (
    "unknown_workspace",
    "unknown_integration",
    "unknown_message",
    "unknown_execution",
    "payload_purged",
    "workers_unavailable",
)
_MAX_RESULTS = 100_000
_SAMPLE = {"method": "GET", "query": "item=A-100&quantity=2"}
PREVIEW_EXAMPLES = {
    "data processing": {
        "value": {"data_processing": '{"item": query.item}', "sample": _SAMPLE, "sees": True}
    },
    "a step": {
        "value": {"template": {"item": "{% input.item %}"}, "step": "price", "sample": _SAMPLE}
    },
    "the response": {
        "value": {"response": {"status": 200, "body": "{% input %}"}, "sample": _SAMPLE}
    },
}
TRY_EXAMPLES = {"rolled back": {"value": {"sample": _SAMPLE}}}


@router.post("/integrations/{name}/preview", responses=responses(*_GROUND))
async def preview_integration(
    workspace: WorkspaceName,
    name: IntegrationName,
    wanted: Annotated[shapes.PreviewShape, Body(openapi_examples=PREVIEW_EXAMPLES)],
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.PreviewedShape:
    """Evaluate an expression, a document of expressions or a response on a sample, with the bounds
    of expressions. Nothing is touched. `document` need not be published."""
    scene = await scene_of(engine, publisher, access, (workspace, name), wanted)
    what = wanted.model_dump(include={"data_processing", "response", "step"}, exclude_none=True)
    if "template" in wanted.model_fields_set:
        what["template"] = wanted.template
    answer = await engine.trials.preview(scene, what, sees=wanted.sees)
    return views.previewed(answer, what)


@router.post(
    "/integrations/{name}/steps/{step}/try",
    responses=responses(*_GROUND, "unknown_step", "acts_for_real"),
)
async def try_step(
    workspace: WorkspaceName,
    name: IntegrationName,
    step: StepName,
    wanted: Annotated[shapes.TryShape, Body(openapi_examples=TRY_EXAMPLES)],
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.TriedShape:
    """Do one step once, outside of any execution; nothing is journaled. Steps before it are not
    done: their results come from `results` or the message's journal. What `sql` does is rolled back
    unless `sql` says `commit`; `http` and `python` act for real, for which `act` must be true."""
    scene = await scene_of(engine, publisher, access, (workspace, name), wanted)
    options = TryOptions(commit=wanted.sql == "commit", act=wanted.act, timeout_s=wanted.timeout_s)
    tried = await engine.trials.try_step(scene, step, options)
    if tried.acted or tried.rolled_back:
        how = f"acted: {', '.join(tried.acted) or 'nothing'}"
        await engine.catalog.note(access.name, "step.try", f"{workspace}/{name}/{step}", how)
    return views.tried(step, tried)


@router.get("/functions", responses=responses("unknown_workspace", "workers_unavailable"))
async def list_functions(
    workspace: WorkspaceName, engine: EngineGiven, _access: Editor
) -> shapes.FunctionsShape:
    """The Python workflows and steps in the project's workflows folder, with the JSON Schema of
    what they take. Its modules are imported for that, in a process of their own."""
    await require_workspace(engine.catalog, workspace)
    found = await engine.trials.functions()
    if found.failure is not None:
        detail = f"the modules could not be imported: {found.failure.detail}"
        raise OperatorError(detail, code="workers_unavailable")
    return views.functions(found)


async def scene_of(
    engine: Engine,
    publisher: Publisher,
    access: Access,
    names: tuple[str, str],
    wanted: shapes.TrialShape,
) -> Scene:
    """On what something is tried. Raises CallerError ``forbidden`` for a message of which whoever
    asks may not see the payload."""
    workspace, name = names
    await require_workspace(engine.catalog, workspace)
    document = wanted.document
    if document is None:
        document = (await publisher.find(workspace, name)).document
        draft = await engine.catalog.draft(workspace, name)
        document = document if draft is None else draft.document
    sample: PastedSample | StoredSample = PastedSample()
    if wanted.message is not None:
        access.require("payloads")
        sample = StoredSample(wanted.message, wanted.run)
    elif wanted.sample is not None:
        sample = _pasted(wanted.sample)
    _refuse_unwritable(wanted)
    _refuse_no_object(wanted.results)
    return Scene(workspace, name, document, sample, wanted.results.encode(), wanted.index)


def _pasted(sample: shapes.SampleShape) -> PastedSample:
    headers = list(sample.headers)
    if sample.content_type:
        headers.append(("content-type", sample.content_type))
    return PastedSample(
        sample.method.upper(), sample.query, headers, sample.body.encode("utf-8", "replace")
    )


def _refuse_unwritable(wanted: shapes.TrialShape) -> None:
    """What JSON lets through and no worker can be sent: half a surrogate pair, endless nesting."""
    try:
        json.dumps(wanted.model_dump(), ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError, ValueError) as error:
        detail = "a text has half a surrogate pair, or the document is nested too deeply"
        raise CallerError(detail, code="invalid_request") from error


def _refuse_no_object(results: str) -> None:
    if fault := json_fault(results.encode("utf-8", "replace"), max_values=_MAX_RESULTS):
        raise CallerError(f"results: {fault}", code="invalid_request")
    try:
        found = isinstance(json.loads(results), dict)
    except (ValueError, RecursionError):
        found = False
    if not found:
        raise CallerError("results is not the JSON text of an object", code="invalid_request")
