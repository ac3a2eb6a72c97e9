"""Alerts as the REST API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.admin.masking import masked_alerts
from firesteel.admin.shapes import alerts as shapes
from firesteel.admin.times import written, written_or_none
from firesteel.model.alert import decode_alert
from firesteel.model.alerts import parse_alerts, section_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.store.alerts import Delivery, Silence, StoredAlerts


def alerts(stored: StoredAlerts, silences: Sequence[Silence], *, whole: bool) -> shapes.AlertsShape:
    """As it was written (``whole``), or without what could be a secret."""
    settings = parse_alerts(stored.document)
    document = stored.document if whole else masked_alerts(stored.document)
    return shapes.AlertsShape(
        managed_by=stored.managed_by,
        changed_at=written_or_none(stored.changed_at_us or None),
        document=document,
        masked=document != stored.document,
        rules={name: section_json(rule) for name, rule in settings.in_force.items()},
        default_rules=settings.rules is None,
        silences=[silence(item) for item in silences],
    )


def silence(item: Silence) -> shapes.SilenceShape:
    """A silence."""
    return shapes.SilenceShape(
        rule=item.rule or None,
        until=written(item.until_us),
        silenced_by=item.silenced_by,
        why=item.why,
        silenced_at=written(item.silenced_at_us),
    )


def sent(item: Delivery) -> shapes.SentAlertShape:
    """An alert for one channel."""
    alert = decode_alert(item.content)
    return shapes.SentAlertShape(
        id=alert.id,
        channel=item.channel,
        rule=item.rule or None,
        type=alert.type,
        title=alert.data.title,
        state=item.state,
        made_at=written(item.made_at_us),
        ended_at=written_or_none(item.ended_at_us),
        next_attempt_at=written(item.next_at_us) if item.state == "waiting" else None,
        attempts=item.attempts,
        error=item.error or None,
    )
