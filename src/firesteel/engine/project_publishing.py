"""Publishes a project folder at the node's start; what is wrong in it is logged and left out.

A node that starts anew after a crash must come up whatever stands in the folder by then, so one bad
file costs its own integration the new version and nothing else. ``firesteel serve`` refuses a
project with faults before it starts a node, and ``firesteel apply`` publishes all or nothing.

Workers look at what is published. On a busy machine they may start later than the node, which waits
for them: nobody would publish later what was left out for that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from firesteel.engine.ownership import Owner
from firesteel.engine.publication import PublishOptions
from firesteel.engine.questions import NoWorker
from firesteel.errors import FiresteelError
from firesteel.model.alerts import InvalidAlerts
from firesteel.model.connection import InvalidConnection, connection_json
from firesteel.model.document import InvalidDocument
from firesteel.project import load_project
from firesteel.store.journal import Actor

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.engine.publication import Publication
    from firesteel.engine.publishing import Publisher
    from firesteel.model.alerts import AlertsResult
    from firesteel.model.fault import Fault
    from firesteel.project import IntegrationFile, Project

ACTOR = Actor("project folder")
# A start must not bring back access that a person has taken away: `apply` does.
FILES = PublishOptions(Owner("files"), leave_others=True)
# How long all files together wait for workers, and how often each asks anew.
PATIENCE_S = 30.0
ASK_AGAIN_S = 0.5

log = structlog.get_logger(__name__)


async def apply_project(publisher: Publisher, folder: Path, workspace: str) -> None:
    """Publish connections, then integrations, then alerts. Raises OSError where the folder cannot
    be read."""
    project = load_project(folder)
    _log_faults(project.faults)
    await _apply_connections(publisher, project, workspace)
    broken = {fault.file for fault in project.faults}
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    for file in project.integrations:
        if file.file not in broken:
            await _apply(publisher, file, workspace, deadline)
    if project.alerts is not None and project.alerts.settings is not None:
        await _apply_alerts(publisher, project.alerts, workspace)


async def _apply_alerts(publisher: Publisher, alerts: AlertsResult, workspace: str) -> None:
    document = alerts.loaded.document or {}
    try:
        await publisher.alerts.put(workspace, document, owner=FILES.owner, actor=ACTOR)
    except InvalidAlerts as error:
        loaded = alerts.loaded
        _log_faults([loaded.fault(i.pointer, i.code, i.detail, i.hint) for i in error.faults])
    except FiresteelError as error:
        log.error("alerts_not_published", detail=error.detail)


async def _apply_connections(publisher: Publisher, project: Project, workspace: str) -> None:
    for name, connection in project.connections.items():
        document = connection_json(connection)
        try:
            await publisher.connections.put(
                workspace, name, document, owner=FILES.owner, actor=ACTOR
            )
        except InvalidConnection as error:
            _log_faults(error.faults)
        except FiresteelError as error:
            log.error("connection_not_published", connection=name, detail=error.detail)


async def _apply(
    publisher: Publisher, file: IntegrationFile, workspace: str, deadline: float
) -> None:
    try:
        publication = await _published(publisher, file, workspace, deadline)
    except InvalidDocument as error:
        placed = [
            file.fault(item.pointer, item.code, item.detail, item.hint) for item in error.faults
        ]
        _log_faults(placed)
    except FiresteelError as error:
        log.error("integration_not_published", file=file.file, detail=error.detail)
    else:
        if publication.changed:
            log.info("integration_published", name=file.name, version=publication.version)
        for change in publication.keys:
            if change.secret is not None:
                log.warning(
                    "api_key_generated",
                    integration=file.name,
                    label=change.label,
                    hint=f"firesteel key reveal {file.name} {change.label!r} shows it",
                )


async def _published(
    publisher: Publisher, file: IntegrationFile, workspace: str, deadline: float
) -> Publication:
    document = file.result.loaded.document
    while True:
        try:
            return await publisher.publish(workspace, document, options=FILES, actor=ACTOR)
        except NoWorker:
            if asyncio.get_running_loop().time() >= deadline:
                raise
            await asyncio.sleep(ASK_AGAIN_S)


def _log_faults(faults: list[Fault]) -> None:
    for fault in faults:
        # What only the node knows, such as a ${NAME} that it lacks, stands in no file.
        place = {"at": f"{fault.file}:{fault.line}:{fault.column}"} if fault.file else {}
        log.error("fault", **place, detail=fault.detail)
