"""API keys of a consumer, and all keys of a workspace that expire soon."""

from __future__ import annotations

from fastapi import APIRouter

from firesteel.admin import shapes, views_keys
from firesteel.admin.callers.parties import parties
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    ConsumerName,
    Editor,
    EngineGiven,
    KeyLabel,
    PublisherGiven,
    Revealer,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.keys import REFUSED, changed, expiry, given_secret, rotated
from firesteel.engine.api_keys import WantedKey
from firesteel.engine.connection_publishing import require_workspace

router = APIRouter(prefix="/workspaces/{workspace}", tags=["consumers"])

_KEYS = "/consumers/{consumer}/keys"
_UNKNOWN = ("unknown_workspace", "unknown_consumer")


@router.get("/expiring-keys", responses=responses("unknown_workspace"))
async def list_expiring_keys(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.ExpiringKeyShape]:
    """API keys of triggers and consumers that expire within the days of the setting
    ``key_warning_days``, or have expired; the first to expire first."""
    await require_workspace(engine.catalog, workspace)
    found: list[shapes.ExpiringKeyShape | None] = []
    for item in await parties(engine.catalog, workspace):
        of_consumer = [views_keys.expiring(k, engine, ("consumer", item.name)) for k in item.keys]
        of_triggers = [
            views_keys.expiring(key, engine, ("integration", trigger.name))
            for trigger, key in item.labelled
        ]
        found += [*of_consumer, *of_triggers]
    return sorted((key for key in found if key is not None), key=lambda key: key.expires_at)


@router.get(_KEYS, responses=responses(*_UNKNOWN))
async def list_consumer_keys(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    publisher: PublisherGiven,
    engine: EngineGiven,
    _access: Viewer,
) -> list[shapes.KeyShape]:
    """The consumer's own keys by label, without their secrets."""
    await require_workspace(engine.catalog, workspace)
    owner = await publisher.consumers.owner(workspace, consumer)
    return views_keys.keys(await publisher.keys.every(owner), engine)


@router.post(
    _KEYS,
    status_code=201,
    responses=responses(*_UNKNOWN, *REFUSED, "unknown_integration", "unknown_key"),
)
async def add_consumer_key(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    new: shapes.NewConsumerKeyShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Add a key, pasted or generated, or with the secret of a trigger's key; a secret that is not
    such a one is in this answer. It opens every trigger that the consumer is granted."""
    value = await given_secret(workspace, new.value, new.same_as, publisher)
    added = await publisher.granting.add_key(
        workspace,
        consumer,
        WantedKey(new.label or "", value, expiry(new.expires)),
        actor=access.actor(),
    )
    return views_keys.added(added, engine, shows_secret=new.same_as is None)


@router.patch(_KEYS + "/{label:path}", responses=responses(*_UNKNOWN, "unknown_key", *REFUSED))
async def change_consumer_key(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    label: KeyLabel,
    changes: shapes.KeyChangesShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.KeyShape:
    """Relabel a key, or give it another secret or expiry; the old secret is refused at once."""
    owner = await publisher.consumers.owner(workspace, consumer)
    wanted = changed(await publisher.keys.find(owner, label), changes)
    key = await publisher.granting.change_key(owner, label, wanted, actor=access.actor())
    return views_keys.key(key, engine, await publisher.keys.every(owner))


@router.delete(
    _KEYS + "/{label:path}", status_code=204, responses=responses(*_UNKNOWN, "unknown_key")
)
async def delete_consumer_key(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    label: KeyLabel,
    publisher: PublisherGiven,
    access: Editor,
) -> None:
    """Delete a key; calls with it get 401 from now on."""
    owner = await publisher.consumers.owner(workspace, consumer)
    await publisher.granting.delete_key(owner, label, actor=access.actor())


@router.post(_KEYS + "/{label:path}/reveal", responses=responses(*_UNKNOWN, "unknown_key"))
async def reveal_consumer_key(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    label: KeyLabel,
    publisher: PublisherGiven,
    access: Revealer,
) -> shapes.RevealedShape:
    """The secret in clear. The audit log says who asked."""
    owner = await publisher.consumers.owner(workspace, consumer)
    subject = f"{workspace}/consumers/{consumer}"
    secret = await publisher.keys.reveal(owner, label, subject=subject, actor=access.name)
    return shapes.RevealedShape(label=label, secret=secret)


@router.post(
    _KEYS + "/{label:path}/rotate", responses=responses(*_UNKNOWN, "unknown_key", *REFUSED)
)
async def rotate_consumer_key(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    label: KeyLabel,
    rotation: shapes.RotationShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Give a key a new secret, which is in this answer; the old one is taken beside it until the
    overlap ends."""
    owner = await publisher.consumers.owner(workspace, consumer)
    added = await publisher.granting.rotate(
        owner,
        label,
        wanted=rotated(await publisher.keys.find(owner, label), rotation),
        overlap_s=rotation.overlap_s,
        actor=access.actor(),
    )
    beside = await publisher.keys.every(owner)
    return views_keys.added(added, engine, beside)


@router.post(_KEYS + "/{label:path}/end-overlap", responses=responses(*_UNKNOWN, "unknown_key"))
async def end_consumer_key_overlap(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    label: KeyLabel,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.EndedOverlapShape:
    """Take the secrets that rotation has replaced no more, from now on."""
    owner = await publisher.consumers.owner(workspace, consumer)
    ended = await publisher.granting.end_overlap(owner, label, actor=access.actor())
    return shapes.EndedOverlapShape(ended=ended)
