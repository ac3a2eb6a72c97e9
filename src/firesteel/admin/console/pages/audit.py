"""``/audit``: who changed what, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, field_validator
from starlette.responses import HTMLResponse

from firesteel.admin.console.page import fragment, from_htmx, render
from firesteel.admin.console.selected import shaped
from firesteel.admin.resources import audit
from firesteel.admin.resources.given import Administrator, EngineGiven
from firesteel.admin.shapes import people as shapes

router = APIRouter(prefix="/audit", include_in_schema=False)

KINDS = (
    ("", "everything"),
    ("integration", "integrations"),
    ("key", "API keys"),
    ("message", "messages"),
    ("lane", "lanes"),
    ("connection", "connections"),
    ("secret", "secrets"),
    ("user", "users"),
    ("token", "tokens"),
    ("access", "refusals"),
    ("encryption", "the encryption key"),
    ("store", "the store"),
    ("workers", "workers"),
)


class AuditForm(BaseModel):
    """What is empty is no condition. Days are in UTC, both included."""

    actor: str = Field(default="", max_length=100)
    action: str = Field(default="", max_length=100)
    subject: str = Field(default="", max_length=200)
    from_day: datetime | None = None
    until_day: datetime | None = None
    before: int | None = Field(default=None, ge=1, lt=2**63)

    @field_validator("from_day", "until_day", "before", mode="before")
    @classmethod
    def _none_where_empty(cls, given: object) -> object:
        return given or None

    def conditions(self) -> dict[str, str]:
        """What is given, as in the address; without the page's cursor."""
        days = (("from_day", self.from_day), ("until_day", self.until_day))
        found = {name: at.date().isoformat() for name, at in days if at is not None}
        texts = (("actor", self.actor), ("action", self.action), ("subject", self.subject))
        return {**{name: text.strip() for name, text in texts if text.strip()}, **found}

    def query(self) -> shapes.AuditQuery:
        """As the REST API takes it."""
        until = self.until_day and min(self.until_day.replace(tzinfo=UTC), _LAST_DAY) + _DAY
        return shaped(
            shapes.AuditQuery,
            actor=self.actor.strip() or None,
            action=self.action.strip() or None,
            subject=self.subject.strip() or None,
            at_from=self.from_day and self.from_day.replace(tzinfo=UTC),
            at_until=until,
            before=self.before,
        )


_DAY: Final = timedelta(days=1)
# Of which there is an end: the last one of the calendar has none.
_LAST_DAY: Final = datetime(9999, 12, 30, tzinfo=UTC)


@router.get("")
async def show_audit(
    request: Request,
    engine: EngineGiven,
    access: Administrator,
    form: Annotated[AuditForm, Query()],
) -> HTMLResponse:
    """A page of entries, latest first."""
    page = await audit.list_audit(engine, access, form.query())
    given = form.conditions()
    values: dict[str, Any] = {
        "entries": page.items,
        "given": given,
        "older": page.next and "/audit?" + urlencode({**given, "before": page.next}),
        "kinds": KINDS,
    }
    if from_htmx(request):
        return fragment(request, "audit/entries.html", **values)
    return await render(request, "audit/audit.html", **values)
