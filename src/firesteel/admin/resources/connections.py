"""Connections and secrets of a workspace."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query

from firesteel.admin import shapes, views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Administrator,
    Editor,
    EngineGiven,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.ownership import Owner

router = APIRouter(prefix="/workspaces/{workspace}", tags=["connections"], route_class=JsonRoute)

ConnectionName = Annotated[str, Path(description="Name of the connection.", examples=["erp"])]
SecretName = Annotated[str, Path(description="Name of the secret.", examples=["ERP_PASSWORD"])]
Document = Annotated[
    dict[str, Any],
    Body(
        openapi_examples={
            "database": {"value": {"sql": "postgresql+psycopg://erp:${ERP_PASSWORD}@db/erp"}},
            "system": {"value": {"http": "https://crm.example.com"}},
        }
    ),
]
_OWNED = ("managed_by_files", "managed_by_console")


@router.get("/connections", responses=responses("unknown_workspace"))
async def list_connections(
    workspace: WorkspaceName, publisher: PublisherGiven, access: Viewer
) -> list[shapes.ConnectionShape]:
    """The workspace's connections by name, with ``${NAME}`` unresolved; what else could be a
    secret is only for administrators."""
    whole = access.may("administer")
    stored = await publisher.connections.all(workspace)
    return [views.connection(item, whole=whole) for item in stored]


@router.get("/connections/{name}", responses=responses("unknown_workspace", "unknown_connection"))
async def show_connection(
    workspace: WorkspaceName, name: ConnectionName, publisher: PublisherGiven, access: Viewer
) -> shapes.ConnectionShape:
    """One connection, as in the list."""
    found = await publisher.connections.find(workspace, name)
    return views.connection(found, whole=access.may("administer"))


@router.put(
    "/connections/{name}",
    responses=responses("unknown_workspace", "connection_invalid", "name_invalid", *_OWNED),
)
async def put_connection(
    workspace: WorkspaceName,
    name: ConnectionName,
    document: Document,
    publisher: PublisherGiven,
    access: Administrator,
    options: Annotated[shapes.ConnectionQuery, Query()],
) -> shapes.ConnectionResultShape:
    """Publish a connection; steps that begin from now on use it."""
    owner = Owner(options.managed_by, options.take_over)
    if options.dry_run:
        checked = await publisher.connections.check(workspace, name, document, owner=owner)
        stored = {item.name: item for item in await publisher.connections.all(workspace)}
        changed = name not in stored or stored[name].document != checked
    else:
        changed = await publisher.connections.put(
            workspace, name, document, owner=owner, actor=access.actor()
        )
    return shapes.ConnectionResultShape(name=name, changed=changed)


@router.delete(
    "/connections/{name}",
    status_code=204,
    responses=responses("unknown_workspace", "unknown_connection", *_OWNED),
)
async def delete_connection(
    workspace: WorkspaceName,
    name: ConnectionName,
    publisher: PublisherGiven,
    access: Administrator,
    managed_by: shapes.ManagedBy = "console",
) -> None:
    """Remove a connection; steps that use it fail from now on."""
    await publisher.connections.delete(workspace, name, managed_by=managed_by, actor=access.actor())


@router.post(
    "/connections/{name}/test",
    responses=responses("unknown_workspace", "unknown_connection", "workers_unavailable"),
)
async def test_connection(
    workspace: WorkspaceName,
    name: ConnectionName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    _access: Editor,
) -> shapes.TestedShape:
    """Let a worker connect, as a step would."""
    await publisher.connections.find(workspace, name)
    failure = await engine.probe(workspace, name)
    return shapes.TestedShape(works=failure is None, failure=views.failure(failure, payloads=False))


@router.get("/secrets", responses=responses("unknown_workspace"))
async def list_secrets(
    workspace: WorkspaceName, publisher: PublisherGiven, _access: Viewer
) -> list[str]:
    """The names of the workspace's secrets; values are never shown."""
    return await publisher.connections.secret_names(workspace)


@router.put(
    "/secrets/{name}", status_code=204, responses=responses("unknown_workspace", "name_invalid")
)
async def put_secret(
    workspace: WorkspaceName,
    name: SecretName,
    secret: shapes.SecretShape,
    publisher: PublisherGiven,
    access: Administrator,
) -> None:
    """Keep a value for ``${NAME}``, encrypted."""
    await publisher.connections.put_secret(workspace, name, secret.value, actor=access.actor())


@router.delete(
    "/secrets/{name}", status_code=204, responses=responses("unknown_workspace", "unknown_secret")
)
async def delete_secret(
    workspace: WorkspaceName, name: SecretName, publisher: PublisherGiven, access: Administrator
) -> None:
    """Forget a secret."""
    await publisher.connections.delete_secret(workspace, name, actor=access.actor())
