"""API keys of a trigger."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter

from firesteel.admin import shapes, views_keys
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    KeyLabel,
    PublisherGiven,
    Revealer,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.api_keys import WantedKey
from firesteel.engine.publishing import Publisher
from firesteel.errors import CallerError
from firesteel.model.api_key import expiry_us
from firesteel.store.catalog import ApiKey

router = APIRouter(prefix="/workspaces/{workspace}/integrations/{name}/keys", tags=["API keys"])

_UNKNOWN = ("unknown_workspace", "unknown_integration")
REFUSED = ("label_taken", "secret_taken", "key_invalid", "expiry_invalid", "name_invalid")


@router.get("", responses=responses(*_UNKNOWN))
async def list_keys(
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    _access: Viewer,
) -> list[shapes.KeyShape]:
    """The trigger's own keys by label, without their secrets."""
    integration = await publisher.find(workspace, name)
    return views_keys.keys(await publisher.keys.every(integration.trigger_no), engine)


@router.post(
    "",
    status_code=201,
    responses=responses(*_UNKNOWN, *REFUSED, "unknown_key", "managed_by_files"),
)
async def add_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    new: shapes.NewKeyShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Add a key, pasted or generated, or with the secret of another trigger's key; a secret that
    is not such a one is in this answer. The first key of an open trigger closes it, by a new
    version."""
    value = await given_secret(workspace, new.value, new.same_as, publisher)
    added = await publisher.add_key(
        workspace,
        name,
        wanted=WantedKey(new.label, value, expiry(new.expires)),
        actor=access.actor(),
        close=new.close,
    )
    return views_keys.added(added, engine, shows_secret=new.same_as is None)


@router.patch("/{label:path}", responses=responses(*_UNKNOWN, "unknown_key", *REFUSED))
async def change_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    label: KeyLabel,
    changes: shapes.KeyChangesShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.KeyShape:
    """Relabel a key, or give it another secret or expiry; the old secret is refused at once."""
    integration = await publisher.find(workspace, name)
    current = await publisher.keys.find(integration.trigger_no, label)
    wanted = changed(current, changes)
    key = await publisher.change_key(workspace, name, label, wanted=wanted, actor=access.actor())
    return views_keys.key(key, engine, await publisher.keys.every(integration.trigger_no))


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


@router.post("/{label:path}/rotate", responses=responses(*_UNKNOWN, "unknown_key", *REFUSED))
async def rotate_key(
    workspace: WorkspaceName,
    name: IntegrationName,
    label: KeyLabel,
    rotation: shapes.RotationShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Give a key a new secret, which is in this answer; the old one is taken beside it until the
    overlap ends."""
    owner = (await publisher.find(workspace, name)).trigger_no
    added = await publisher.granting.rotate(
        owner,
        label,
        wanted=rotated(await publisher.keys.find(owner, label), rotation),
        overlap_s=rotation.overlap_s,
        actor=access.actor(),
    )
    beside = await publisher.keys.every(owner)
    return views_keys.added(added, engine, beside)


@router.post("/{label:path}/end-overlap", responses=responses(*_UNKNOWN, "unknown_key"))
async def end_key_overlap(
    workspace: WorkspaceName,
    name: IntegrationName,
    label: KeyLabel,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.EndedOverlapShape:
    """Take the secrets that rotation has replaced no more, from now on."""
    owner = (await publisher.find(workspace, name)).trigger_no
    ended = await publisher.granting.end_overlap(owner, label, actor=access.actor())
    return shapes.EndedOverlapShape(ended=ended)


# --- for keys of consumers too ------------------------------------------------------------------


async def given_secret(
    workspace: str, value: str | None, same_as: shapes.KeyOfTrigger | None, publisher: Publisher
) -> str | None:
    """The secret that a new key is to have; None: one is generated. Raises CallerError
    ``invalid_request``, ``unknown_key``."""
    if value is not None and same_as is not None:
        raise CallerError("value and same_as exclude each other", code="invalid_request")
    if same_as is None:
        return value
    return await publisher.secret_of(workspace, same_as.integration, same_as.label)


def changed(current: ApiKey, changes: shapes.KeyChangesShape) -> WantedKey:
    """What a key is to become."""
    expires_at_us = current.expires_at_us
    if "expires" in changes.model_fields_set:
        expires_at_us = expiry(changes.expires)
    return WantedKey(changes.label or current.label, changes.value, expires_at_us)


def rotated(current: ApiKey, rotation: shapes.RotationShape) -> WantedKey:
    """What takes the place of a key."""
    expires_at_us = current.expires_at_us
    if "expires" in rotation.model_fields_set:
        expires_at_us = expiry(rotation.expires)
    return WantedKey(current.label, rotation.value, expires_at_us)


def expiry(day: date | None) -> int | None:
    """The end of a key's last day, in microseconds since 1970."""
    return None if day is None else expiry_us(day.isoformat())
