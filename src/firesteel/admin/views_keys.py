"""API keys and consumers as the REST API shows them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

from firesteel.admin.shapes import callers
from firesteel.admin.shapes import keys as shapes
from firesteel.admin.times import written, written_or_none
from firesteel.model.api_key import expiry_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from firesteel.engine.api_keys import AddedKey
    from firesteel.engine.engine import Engine
    from firesteel.store.catalog import ApiKey, PublishedIntegration

_DAY_US = 86_400_000_000


def keys(rows: Sequence[ApiKey], engine: Engine) -> list[shapes.KeyShape]:
    """The current keys of one owner, of all its rows: each with those that it has replaced and
    that are still taken."""
    return [key(row, engine, rows) for row in rows if row.replaced_at_us is None]


def key(row: ApiKey, engine: Engine, beside: Sequence[ApiKey] = ()) -> shapes.KeyShape:
    """An API key without its secret. ``beside``: all keys of its owner."""
    now_us = engine.now_us()
    replaced = [
        item
        for item in beside
        if item.replaced_at_us is not None
        and item.label == row.label
        and (item.expires_at_us is None or item.expires_at_us > now_us)
    ]
    return shapes.KeyShape(
        label=row.label,
        prefix=row.prefix,
        created_at=written(row.created_at_us),
        expires=_day(row.expires_at_us),
        expires_at=written_or_none(row.expires_at_us),
        expiry=expiry(row.expires_at_us, engine),
        last_used_at=written_or_none(row.last_used_at_us),
        replaced=[
            _replaced(item)
            for item in sorted(replaced, key=lambda item: -(item.replaced_at_us or 0))
        ],
    )


def expiry(expires_at_us: int | None, engine: Engine) -> shapes.ExpiryName:
    """Whether a key is taken, and for how long."""
    if expires_at_us is None:
        return "valid"
    left_us = expires_at_us - engine.now_us()
    if left_us <= 0:
        return "expired"
    return "expires_soon" if left_us <= engine.settings.key_warning_days * _DAY_US else "valid"


def added(
    new: AddedKey, engine: Engine, beside: Sequence[ApiKey] = (), *, shows_secret: bool = True
) -> shapes.AddedKeyShape:
    """A new key with its secret."""
    shown = key(new.key, engine, beside).model_dump()
    secret = new.secret if shows_secret else None
    return shapes.AddedKeyShape(**shown, secret=secret, warning=new.warning)


def expiring(
    row: ApiKey, engine: Engine, of: tuple[Literal["integration", "consumer"], str]
) -> shapes.ExpiringKeyShape | None:
    """A key that expires soon or has expired, of the trigger or consumer of that name; None for
    others."""
    state = expiry(row.expires_at_us, engine)
    if row.replaced_at_us is not None or row.expires_at_us is None or state == "valid":
        return None
    kind, name = of
    return shapes.ExpiringKeyShape(
        integration=name if kind == "integration" else None,
        consumer=name if kind == "consumer" else None,
        label=row.label,
        prefix=row.prefix,
        expires=date.fromisoformat(expiry_day(row.expires_at_us)),
        expires_at=written(row.expires_at_us),
        expiry=state,
        last_used_at=written_or_none(row.last_used_at_us),
    )


def consumer_trigger(
    integration: PublishedIntegration, row: ApiKey, engine: Engine
) -> callers.ConsumerTriggerShape:
    """A trigger that has a key of that label."""
    shown = key(row, engine).model_dump(exclude={"label", "replaced", "expires_at"})
    return callers.ConsumerTriggerShape(
        integration=integration.name, enabled=integration.enabled, **shown
    )


def last_used(rows: Iterable[ApiKey]) -> int | None:
    """When one of them was used last."""
    return max((row.last_used_at_us for row in rows if row.last_used_at_us), default=None)


def _replaced(row: ApiKey) -> shapes.ReplacedKeyShape:
    return shapes.ReplacedKeyShape(
        prefix=row.prefix,
        created_at=written(row.created_at_us),
        expires_at=written_or_none(row.expires_at_us),
        last_used_at=written_or_none(row.last_used_at_us),
    )


def _day(expires_at_us: int | None) -> date | None:
    return None if expires_at_us is None else date.fromisoformat(expiry_day(expires_at_us))
