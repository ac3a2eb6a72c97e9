"""API keys: of a trigger and of a consumer, by the same routes below either (decision 0049)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter, Depends

from firesteel.admin import shapes, views_keys
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    KeyLabel,
    KeysOfGiven,
    PublisherGiven,
    Revealer,
    Viewer,
    keys_of_consumer,
    keys_of_trigger,
)
from firesteel.engine.api_keys import WantedKey
from firesteel.engine.owned_keys import KeysOf
from firesteel.engine.publishing import Publisher
from firesteel.errors import CallerError
from firesteel.model.api_key import expiry_us
from firesteel.store.catalog import ApiKey

_REFUSED = ("label_taken", "secret_taken", "key_invalid", "expiry_invalid", "name_invalid")


async def list_keys(
    owner: KeysOfGiven, engine: EngineGiven, publisher: PublisherGiven, _access: Viewer
) -> list[shapes.KeyShape]:
    """The own keys by label, without their secrets."""
    keys = await publisher.granting.keys_of(owner)
    return views_keys.keys(await keys.every(), engine)


async def add_key(
    owner: KeysOfGiven,
    new: shapes.NewKeyShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Add a key, pasted or generated, or with the secret of another trigger's key; a secret that
    is not such a one is in this answer. The first key of an open trigger closes it, by a new
    version."""
    return await add_wanted(owner, new, (publisher, engine, access), close=new.close)


async def add_consumer_key(
    owner: KeysOfGiven,
    new: shapes.NewConsumerKeyShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Add a key, pasted or generated, or with the secret of a trigger's key; a secret that is not
    such a one is in this answer. It opens every trigger that the consumer is granted."""
    return await add_wanted(owner, new, (publisher, engine, access))


async def change_key(
    owner: KeysOfGiven,
    label: KeyLabel,
    changes: shapes.KeyChangesShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.KeyShape:
    """Relabel a key, or give it another secret or expiry; the old secret is refused at once."""
    keys = await publisher.granting.keys_of(owner)
    current = await keys.find(label)
    wanted = WantedKey(changes.label or label, changes.value, _expiry(current, changes))
    key = await keys.change(label, wanted, actor=access.actor())
    return views_keys.key(key, engine, await keys.every())


async def delete_key(
    owner: KeysOfGiven, label: KeyLabel, publisher: PublisherGiven, access: Editor
) -> None:
    """Delete a key; calls with it get 401 from now on."""
    keys = await publisher.granting.keys_of(owner)
    await keys.delete(label, actor=access.actor())


async def reveal_key(
    owner: KeysOfGiven, label: KeyLabel, publisher: PublisherGiven, access: Revealer
) -> shapes.RevealedShape:
    """The secret in clear. The audit log says who asked."""
    keys = await publisher.granting.keys_of(owner)
    return shapes.RevealedShape(label=label, secret=await keys.reveal(label, actor=access.actor()))


async def rotate_key(
    owner: KeysOfGiven,
    label: KeyLabel,
    rotation: shapes.RotationShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.AddedKeyShape:
    """Give a key a new secret, which is in this answer; the old one is taken beside it until the
    overlap ends."""
    keys = await publisher.granting.keys_of(owner)
    current = await keys.find(label)
    wanted = WantedKey(label, rotation.value, _expiry(current, rotation))
    added = await keys.rotate(label, wanted, overlap_s=rotation.overlap_s, actor=access.actor())
    return views_keys.added(added, engine, await keys.every())


async def end_key_overlap(
    owner: KeysOfGiven, label: KeyLabel, publisher: PublisherGiven, access: Editor
) -> shapes.EndedOverlapShape:
    """Take the secrets that rotation has replaced no more, from now on."""
    keys = await publisher.granting.keys_of(owner)
    return shapes.EndedOverlapShape(ended=await keys.end_overlap(label, actor=access.actor()))


async def add_wanted(
    owner: KeysOf,
    new: shapes.NewKeyShape | shapes.NewConsumerKeyShape,
    given: tuple[PublisherGiven, EngineGiven, Editor],
    *,
    close: bool = True,
) -> shapes.AddedKeyShape:
    """Add a key of a trigger or of a consumer; a consumer's without a label is numbered."""
    publisher, engine, access = given
    secret = await _given_secret(owner.workspace, new.value, new.same_as, publisher)
    keys = await publisher.granting.keys_of(owner)
    wanted = WantedKey(new.label or "", secret, _end_of(new.expires))
    added = await keys.add(wanted, actor=access.actor(), close=close)
    return views_keys.added(added, engine, shows_secret=new.same_as is None)


async def _given_secret(
    workspace: str, value: str | None, same_as: shapes.KeyOfTrigger | None, publisher: Publisher
) -> str | None:
    """The secret that a new key is to have; None: one is generated. Raises CallerError
    ``invalid_request``, ``unknown_integration``, ``unknown_key``."""
    if value is not None and same_as is not None:
        raise CallerError("value and same_as exclude each other", code="invalid_request")
    if same_as is None:
        return value
    other = KeysOf("trigger", workspace, same_as.integration)
    return await (await publisher.granting.keys_of(other)).open(same_as.label)


def _expiry(current: ApiKey, wanted: shapes.KeyChangesShape | shapes.RotationShape) -> int | None:
    """What is left out stays as it is."""
    if "expires" not in wanted.model_fields_set:
        return current.expires_at_us
    return _end_of(wanted.expires)


def _end_of(day: date | None) -> int | None:
    """The end of a key's last day, in microseconds since 1970."""
    return None if day is None else expiry_us(day.isoformat())


def _router(
    prefix: str,
    names: Callable[..., Any],
    tag: str,
    *,
    unknown: Sequence[str],
    add: tuple[Callable[..., Any], Sequence[str]],
) -> APIRouter:
    """The routes of one kind of owner. ``names``: what tells whose keys; ``add``: the function, and
    what it may be refused with beyond the usual. Operations on consumers are named for them."""
    router = APIRouter(
        prefix=prefix, tags=[tag], dependencies=[Depends(names)], route_class=JsonRoute
    )
    one, of_key = "/{label:path}", (*unknown, "unknown_key")
    adds, more = add
    changed = (*of_key, *_REFUSED)
    routes: tuple[tuple[str, str, Callable[..., Any], int, Sequence[str]], ...] = (
        ("GET", "", list_keys, 200, unknown),
        ("POST", "", adds, 201, (*unknown, *_REFUSED, "unknown_key", *more)),
        ("PATCH", one, change_key, 200, changed),
        ("DELETE", one, delete_key, 204, of_key),
        ("POST", f"{one}/reveal", reveal_key, 200, of_key),
        ("POST", f"{one}/rotate", rotate_key, 200, changed),
        ("POST", f"{one}/end-overlap", end_key_overlap, 200, of_key),
    )
    for method, path, act, status, codes in routes:
        name = act.__name__
        if names is keys_of_consumer and act is not adds:
            name = name.replace("key", "consumer_key")
        told = responses(*codes)
        router.add_api_route(
            path, act, methods=[method], name=name, status_code=status, responses=told
        )
    return router


router = APIRouter(route_class=JsonRoute)
router.include_router(
    _router(
        "/workspaces/{workspace}/integrations/{name}/keys",
        keys_of_trigger,
        "API keys",
        unknown=("unknown_workspace", "unknown_integration"),
        add=(add_key, ("managed_by_files",)),
    )
)
router.include_router(
    _router(
        "/workspaces/{workspace}/consumers/{consumer}/keys",
        keys_of_consumer,
        "consumers",
        unknown=("unknown_workspace", "unknown_consumer"),
        add=(add_consumer_key, ("unknown_integration",)),
    )
)
