"""Turns what the store knows into the shapes of the REST API."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from firesteel.admin import shapes
from firesteel.admin.long_payload import bounded_payload_of
from firesteel.admin.masking import masked_document
from firesteel.admin.selection import selection_of
from firesteel.admin.times import written, written_or_none
from firesteel.model.message import decode_request
from firesteel.model.step_result import as_json, decode_result

if TYPE_CHECKING:
    from firesteel.engine.drafts import ExaminedDraft
    from firesteel.engine.engine import Engine
    from firesteel.engine.publication import Publication
    from firesteel.model.difference import Change, LinePair
    from firesteel.model.execution import Failure, JournalEntry, Response
    from firesteel.model.fault import Fault
    from firesteel.model.message import Request
    from firesteel.store.bulk import Bulk
    from firesteel.store.catalog import (
        Draft,
        PublishedIntegration,
        StoredConnection,
        Version,
    )
    from firesteel.store.history import (
        Activity,
        Attempt,
        ExecutionDetail,
        FailureGroups,
        MessageSummary,
        TextScan,
    )
    from firesteel.store.journal import Edit, LaneStatus


def integration_summary(item: PublishedIntegration, engine: Engine) -> shapes.IntegrationSummary:
    """An integration with what waits and runs of it now."""
    waiting, running = engine.backlog(item.trigger_no)
    trigger = item.document.get("trigger") or {}
    return shapes.IntegrationSummary(
        name=item.name,
        description=item.document.get("description"),
        path=f"/{item.workspace}/{item.name}",
        enabled=item.enabled,
        managed_by=item.managed_by,
        version=item.version,
        published_at=written(item.published_at_us),
        published_by=item.published_by,
        open=not trigger.get("authentication"),
        ordered=bool(trigger.get("ordered_delivery")),
        request_response=trigger.get("request_response", False) not in (False, None),
        waiting=waiting,
        running=running,
    )


def integration(item: PublishedIntegration, engine: Engine) -> shapes.IntegrationShape:
    """An integration with its document."""
    summary = integration_summary(item, engine)
    return shapes.IntegrationShape(**summary.model_dump(), document=item.document)


def listed_integration(
    item: PublishedIntegration, engine: Engine, activity: Activity, draft: Draft | None
) -> shapes.ListedIntegrationShape:
    """An integration in the list of its workspace."""
    summary = integration_summary(item, engine)
    return shapes.ListedIntegrationShape(
        **summary.model_dump(),
        last_received_at=written_or_none(activity.last_received_at_us),
        failed=activity.failed,
        draft_by=None if draft is None else draft.changed_by,
        draft_at=None if draft is None else written(draft.changed_at_us),
    )


def publication(done: Publication) -> shapes.PublicationShape:
    """What a publication did."""
    return shapes.PublicationShape(
        name=done.name,
        created=done.created,
        changed=done.changed,
        version=done.version,
        document=done.document,
        previous=done.previous,
        warnings=[fault(item) for item in done.warnings],
        keys=[
            shapes.KeyChangeShape(label=key.label, act=key.act, secret=key.secret)
            for key in done.keys
        ],
        consumers=[
            shapes.GrantChangeShape(consumer=item.consumer, act=item.act) for item in done.consumers
        ],
    )


def fault(item: Fault) -> shapes.FaultShape:
    """A fault of a document."""
    return shapes.FaultShape(
        pointer=item.pointer, code=item.code, detail=item.detail, hint=item.hint
    )


def draft(item: ExaminedDraft) -> shapes.DraftShape:
    """A draft with what is wrong with it."""
    return shapes.DraftShape(
        document=item.document,
        base_version=item.draft.base_version,
        published_version=item.published_version,
        changed_at=written(item.draft.changed_at_us),
        changed_by=item.draft.changed_by,
        faults=[fault(found) for found in item.examined.faults],
        warnings=[fault(found) for found in item.examined.warnings],
        complete=item.examined.complete,
    )


def change(item: Change) -> shapes.ChangeShape:
    """A change of a document."""
    return shapes.ChangeShape(pointer=item.pointer, kind=item.kind, old=item.old, new=item.new)


def line_pair(item: LinePair) -> shapes.LinePairShape:
    """Two lines beside each other."""
    return shapes.LinePairShape(
        kind=item.kind,
        old_number=item.old_number,
        old=item.old,
        new_number=item.new_number,
        new=item.new,
    )


def version(item: Version) -> shapes.VersionShape:
    """A version of an integration."""
    return shapes.VersionShape(
        version=item.version,
        published_at=written(item.published_at_us),
        published_by=item.published_by,
        document=item.document,
    )


def connection(item: StoredConnection, *, whole: bool) -> shapes.ConnectionShape:
    """A connection as it was written (``whole``), or without what could be a secret."""
    document = item.document if whole else masked_document(item.document)
    return shapes.ConnectionShape(
        name=item.name,
        managed_by=item.managed_by,
        changed_at=written(item.changed_at_us),
        document=document,
        masked=document != item.document,
    )


def failure(item: Failure | None, *, payloads: bool) -> shapes.FailureShape | None:
    """Why an attempt did not succeed; the trace is for who may see payloads."""
    if item is None:
        return None
    return shapes.FailureShape(
        kind=item.kind,
        code=item.code,
        detail=item.detail,
        step=item.step,
        faults=[
            shapes.FaultShape(pointer=one.pointer, code=one.code, detail=one.detail)
            for one in item.faults
        ],
        trace=item.trace if payloads else "",
    )


def summary(item: MessageSummary) -> shapes.MessageSummaryShape:
    """One execution of a message, in a list."""
    return shapes.MessageSummaryShape(
        id=item.message_id,
        run=item.run,
        sequence=item.sequence,
        workspace=item.workspace,
        integration=item.integration,
        version=item.version,
        state=item.state.value,
        reason=None if item.reason is None else item.reason.value,
        consumer=item.consumer,
        received_at=written(item.received_at_us),
        settled_at=written_or_none(item.settled_at_us),
        due_at=written_or_none(item.due_at_us),
        attempts=item.attempts,
        lane_key=item.lane_key,
        failure=failure(item.failure, payloads=False),
    )


def message(executions: list[ExecutionDetail], *, payloads: bool) -> shapes.MessageShape:
    """A message with all its executions, of which there is at least one."""
    first = executions[0].summary
    received = executions[0].message
    request = None if received is None else decode_request(received.request)
    runs = {item.summary.execution_no: item.summary.run for item in executions}
    return shapes.MessageShape(
        id=first.message_id,
        sequence=first.sequence,
        workspace=first.workspace,
        integration=first.integration,
        consumer=first.consumer,
        let_in_by=_way(request),
        received_at=written(first.received_at_us),
        erased_at=written_or_none(executions[0].erased_at_us),
        request=_request(request, received.body) if received and request and payloads else None,
        executions=[_execution(item, runs, payloads=payloads) for item in executions],
    )


def text_page(scan: TextScan) -> shapes.TextPage:
    """A piece of a search through payloads."""
    return shapes.TextPage(
        items=[
            shapes.FoundShape(**summary(match.summary).model_dump(), places=match.places)
            for match in scan.matches
        ],
        next=None if scan.next_no is None else str(scan.next_no),
        looked_at=scan.looked_at,
        progress=scan.progress,
        reached_at=written_or_none(scan.reached_us),
    )


def failures(found: FailureGroups) -> shapes.FailuresShape:
    """Failures by what they have in common."""
    return shapes.FailuresShape(
        groups=[
            shapes.FailureGroupShape(
                integration=group.integration,
                code=group.code,
                kind=group.kind,
                step=group.step,
                detail=group.detail,
                count=group.count,
                first_received_at=written(group.first_received_at_us),
                last_received_at=written(group.last_received_at_us),
                example_id=group.example_id,
            )
            for group in found.groups
        ],
        looked_at=found.looked_at,
        more=found.more,
    )


def bulk(item: Bulk) -> shapes.BulkShape:
    """A bulk act."""
    return shapes.BulkShape(
        number=item.no,
        act=item.act,
        selection=selection_of(item.filter),
        state=item.state,
        started_by=item.started_by,
        why=item.why,
        started_at=written(item.started_at_us),
        ended_at=written_or_none(item.ended_at_us),
        total=item.total,
        done=item.done,
        passed_over=item.passed_over,
    )


def lane(item: LaneStatus, workspace: str, name: str) -> shapes.LaneShape:
    """A lane of an integration."""
    return shapes.LaneShape(
        workspace=workspace,
        integration=name,
        key=item.key,
        waiting=item.waiting,
        running=item.running,
        paused=item.paused,
        paused_because=item.paused_because,
        head_message_id=item.head_message_id,
        head_reason=None if item.head_reason is None else item.head_reason.value,
        oldest_received_at=written_or_none(item.oldest_received_at_us),
    )


def _execution(
    item: ExecutionDetail, runs: dict[int, int], *, payloads: bool
) -> shapes.ExecutionShape:
    listed = summary(item.summary).model_dump(exclude={"failure"})
    return shapes.ExecutionShape(
        **listed,
        failure=failure(item.summary.failure, payloads=payloads),
        waits_for=item.waits_for,
        steps=[_step(entry, payloads=payloads) for entry in item.journal],
        failed_attempts=[_attempt(one, payloads=payloads) for one in item.attempts],
        input=bounded_payload_of(item.input) if payloads and item.input else None,
        response=_response(item.response) if payloads and item.response else None,
        logs=item.logs if payloads else None,
        code_hash=item.code_hash,
        ended_by=item.ended_by,
        ended_why=item.ended_why,
        replay_of=None if item.replay_of is None else runs.get(item.replay_of),
        edited=None if item.edit is None else _edited(item.edit, payloads=payloads),
    )


def _edited(edit: Edit, *, payloads: bool) -> shapes.EditedShape:
    if not payloads:
        return shapes.EditedShape(parts=edit.parts)
    request = None if edit.request is None else decode_request(edit.request)
    content_type = None if request is None else request.header(b"content-type")
    return shapes.EditedShape(
        parts=edit.parts,
        query=None if request is None else request.raw_query.decode("latin-1"),
        content_type=None if content_type is None else content_type.decode("latin-1"),
        body=None if edit.body is None else bounded_payload_of(edit.body),
        input=None if edit.input is None else bounded_payload_of(edit.input),
    )


def _step(entry: JournalEntry, *, payloads: bool) -> shapes.StepShape:
    return shapes.StepShape(
        step=entry.step,
        kind=entry.kind,
        attempt=entry.attempt,
        started_at=written(entry.started_at_us),
        ended_at=written(entry.ended_at_us),
        input=_journaled(entry.input) if payloads else None,
        result=_journaled(entry.result) if payloads else None,
    )


def _attempt(item: Attempt, *, payloads: bool) -> shapes.AttemptShape:
    return shapes.AttemptShape(
        attempt=item.attempt,
        started_at=written(item.started_at_us),
        ended_at=written(item.ended_at_us),
        failure=failure(item.failure, payloads=payloads),
        logs=item.logs if payloads else "",
    )


def _way(request: Request | None) -> shapes.WayName | None:
    way = "" if request is None else request.way
    return cast("shapes.WayName", way) if way in get_args(shapes.WayName) else None


def _request(request: Request, body: bytes) -> shapes.RequestShape:
    return shapes.RequestShape(
        method=request.method,
        path=request.path,
        query=request.raw_query.decode("latin-1"),
        headers=[(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers],
        body=bounded_payload_of(body),
    )


def _response(item: Response) -> shapes.ResponseShape:
    return shapes.ResponseShape(
        status=item.status, headers=list(item.headers), body=bounded_payload_of(item.body)
    )


def _journaled(data: bytes) -> Any:
    """What a worker wrote of a step, for people; as base64 where it cannot be read."""
    if not data:
        return None
    try:
        return as_json(decode_result(data))
    except (msgspec.DecodeError, ValueError):
        return base64.b64encode(data).decode()
