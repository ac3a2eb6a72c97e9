"""API keys of a trigger."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter

from firesteel.admin import shapes, views
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Editor,
    IntegrationName,
    KeyLabel,
    PublisherGiven,
    Revealer,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.api_keys import WantedKey
from firesteel.errors import CallerError
from firesteel.model.api_key import expiry_us

router = APIRouter(prefix="/workspaces/{workspace}/integrations/{name}/keys", tags=["API keys"])

_UNKNOWN = ("unknown_workspace", "unknown_integration")
_REFUSED = ("label_taken", "secret_taken", "key_invalid", "expiry_invalid", "name_invalid")


@router.get("", responses=responses(*_UNKNOWN))
async def list_keys(
    workspace: WorkspaceName, name: IntegrationName, publisher: PublisherGiven, _access: Viewer
) -> list[shapes.KeyShape]:
    """The trigger's keys by label, without their secrets."""
    integration = await publisher.find(workspace, name)
    return [views.key(item) for item in await publisher.keys.of(integration.trigger_no)]


@router.post(
    "",
    status_code=201,
    responses=responses(*_UNKNOWN, *_REFUSED, "unknown_key", "managed_by_files"),
)
async def add_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    new: shapes.NewKeyShape,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Add a key, pasted or generated, or with the secret of another trigger's key; a secret that
    is not such a one is in this answer. The first key of an open trigger closes it, by a new
    version."""
    if new.value is not None and new.same_as is not None:
        raise CallerError("value and same_as exclude each other", code="invalid_request")
    value, other = new.value, new.same_as
    if other is not None:
        value = await publisher.secret_of(workspace, other.integration, other.label)
    key, secret, warning = await publisher.add_key(
        workspace,
        name,
        wanted=WantedKey(new.label, value, _expiry(new.expires)),
        actor=access.actor(),
        close=new.close,
    )
    shown = None if other is not None else secret
    return shapes.AddedKeyShape(**views.key(key).model_dump(), secret=shown, warning=warning)


@router.patch("/{label:path}", responses=responses(*_UNKNOWN, "unknown_key", *_REFUSED))
async def change_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    label: KeyLabel,
    changes: shapes.KeyChangesShape,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.KeyShape:
    """Relabel a key, or give it another secret or expiry."""
    integration = await publisher.find(workspace, name)
    current = await publisher.keys.find(integration.trigger_no, label)
    expires_at_us = current.expires_at_us
    if "expires" in changes.model_fields_set:
        expires_at_us = _expiry(changes.expires)
    wanted = WantedKey(changes.label or label, changes.value, expires_at_us)
    changed = await publisher.change_key(
        workspace, name, label, wanted=wanted, actor=access.actor()
    )
    return views.key(changed)


@router.delete("/{label:path}", status_code=204, responses=responses(*_UNKNOWN, "unknown_key"))
async def delete_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    label: KeyLabel,
    publisher: PublisherGiven,
    access: Editor,
) -> None:
    """Delete a key; calls with it get 401 from now on."""
    await publisher.delete_key(workspace, name, label, actor=access.actor())


@router.post("/{label:path}/reveal", responses=responses(*_UNKNOWN, "unknown_key"))
async def reveal_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    label: KeyLabel,
    publisher: PublisherGiven,
    access: Revealer,
) -> shapes.RevealedShape:
    """The secret in clear. The audit log says who asked."""
    integration = await publisher.find(workspace, name)
    secret = await publisher.keys.reveal(
        integration.trigger_no, label, subject=f"{workspace}/{name}", actor=access.name
    )
    return shapes.RevealedShape(label=label, secret=secret)


def _expiry(day: date | None) -> int | None:
    return None if day is None else expiry_us(day.isoformat())
