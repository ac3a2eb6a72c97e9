"""The draft that the tabs of an integration edit together.

A tab shows ``load(...)`` and saves what it changed of the document with ``save(...)``::

    @router.post("/w/{workspace}/integrations/{name}/response")
    async def save_response(request, workspace, name, access: Editor) -> Response:
        form = await request.form()
        editing = await load(request, workspace, name)
        document = {**editing.document, "response": ...}  # only the tab's own part
        saved = await save(request, editing, document, form)
        if isinstance(saved, Response):
            return saved
        return await render(request, "response/response.html", status=412, editing=saved)

Its template extends ``integration/tab.html`` (see there), and its form ends with
``{{ saving.bar(editing) }}``, which sends ``etag`` and ``act`` (``publish`` or ``draft``). As a
tab changes its own part of the document that is there now, it never takes back what somebody else
has done to another part; who changed the same draft meanwhile is told, and chooses.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import Response

from firesteel.admin import shapes, views
from firesteel.admin.access import ACCESS_KEY
from firesteel.admin.console.page import quoted, redirect
from firesteel.admin.resources.drafts import publish_draft, save_draft
from firesteel.admin.resources.etags import draft_etag, version_etag
from firesteel.errors import CallerError
from firesteel.model.difference import LinePair, side_by_side
from firesteel.model.document import InvalidDocument
from firesteel.model.fault import Pointer, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

    from firesteel.admin.access import Access
    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher

PUBLISH: Final = "publish"
DRAFT: Final = "draft"
_TABS: Final = {
    "data_processing": ("Data processing", "/data"),
    "workflow": ("Workflow", "/workflow"),
    "response": ("Response", "/response"),
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody changed what this change is based on. ``lines``: theirs beside ours."""

    by: str
    lines: list[LinePair]


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """A fault with the tab where it is mended."""

    pointer: Pointer
    detail: str
    tab: str
    address: str


@dataclass(frozen=True, slots=True)
class Editing:
    """An integration as a tab shows it. ``document`` is the draft's, or the published one where
    there is none; without ``enabled``, which is neither's. ``etag`` is what a change is based on.
    ``may_edit``: who reads may, and files do not manage it."""

    workspace: str
    name: str
    published: shapes.IntegrationShape
    draft: shapes.DraftShape | None
    document: dict[str, Any]
    etag: str
    may_edit: bool
    faults: list[shapes.FaultShape] = field(default_factory=list)
    warnings: list[shapes.FaultShape] = field(default_factory=list)
    conflict: Conflict | None = None

    @property
    def address(self) -> str:
        """Of its trigger page; other tabs stand below it."""
        return f"/w/{quoted(self.workspace)}/integrations/{quoted(self.name)}"

    @property
    def based_on_older(self) -> bool:
        """Another version was published since the draft was begun."""
        return self.draft is not None and self.draft.base_version != self.published.version

    @property
    def never_published(self) -> bool:
        """It was made in the console, and nothing of it was ever published."""
        blank = {"name", "description", "enabled"}
        return (
            self.published.version == 1
            and not self.published.enabled
            and set(self.published.document) <= blank
        )

    def fault(self, pointer: Pointer) -> str:
        """What is wrong at a pointer, or below it; "" where nothing is."""
        at = [item for item in self.faults if (item.pointer + "/").startswith(pointer + "/")]
        return "; ".join(". ".join(filter(None, (item.detail, item.hint))) for item in at)

    def warning(self, pointer: Pointer) -> str:
        """What may be wrong at a pointer, or below it; "" where nothing is."""
        at = [item for item in self.warnings if (item.pointer + "/").startswith(pointer + "/")]
        return "; ".join(item.detail for item in at)

    def value(self, pointer: Pointer, default: Any = "") -> Any:
        """What stands at a pointer in the document."""
        found = value_at(self.document, pointer)
        return default if found is None else found

    def placed(self) -> list[PlacedFault]:
        """All faults with their tabs, in the order of the tabs."""
        return [self._placed(item) for item in self.faults]

    def _placed(self, item: shapes.FaultShape) -> PlacedFault:
        tab, below = _TABS.get(item.pointer.split("/")[1] if item.pointer else "", ("Trigger", ""))
        detail = ". ".join(filter(None, (item.detail, item.hint)))
        return PlacedFault(item.pointer, detail, tab, self.address + below)


async def load(request: Request, workspace: str, name: str) -> Editing:
    """The integration with its draft and everything that is wrong with what is shown."""
    engine, publisher = _engine(request), _publisher(request)
    current = await publisher.find(workspace, name)
    published = views.integration(current, engine)
    may_edit = "edit" in _access(request).rights and current.managed_by == "console"
    if await engine.catalog.draft(workspace, name) is None:
        document = _without_switch(published.document)
        examined = await publisher.drafts.examine(current, document)
        return Editing(
            workspace,
            name,
            published,
            None,
            document,
            version_etag(current.version),
            may_edit,
            [views.fault(item) for item in examined.faults],
            [views.fault(item) for item in examined.warnings],
        )
    found = await publisher.drafts.show(workspace, name)
    draft = views.draft(found)
    return Editing(
        workspace,
        name,
        published,
        draft,
        _without_switch(draft.document),
        draft_etag(found.draft.revision),
        may_edit,
        draft.faults,
        draft.warnings,
    )


async def examined(request: Request, editing: Editing, document: dict[str, Any]) -> Editing:
    """The same with another document that is not saved, and what is wrong with it."""
    publisher = _publisher(request)
    current = await publisher.find(editing.workspace, editing.name)
    found = await publisher.drafts.examine(current, document)
    return replace(
        editing,
        document=copy.deepcopy(document),
        faults=[views.fault(item) for item in found.faults],
        warnings=[views.fault(item) for item in found.warnings],
    )


def told_before(shown: Editing, saved: Editing) -> Editing:
    """``shown``, which is not saved, with those of its faults that ``saved`` has too: what was just
    added is not found fault with before it could be filled in."""
    told = {(item.pointer, item.detail) for item in saved.faults}
    return replace(
        shown, faults=[item for item in shown.faults if (item.pointer, item.detail) in told]
    )


async def keep(request: Request, editing: Editing, document: dict[str, Any], sent: str) -> Editing:
    """The integration after the document was saved as its draft. Its ``etag`` is the new one only
    where ``sent``, what the form is based on, was that of ``editing``: of what others have changed
    meanwhile, whoever saves that form is told.
    """
    publisher, access = _publisher(request), _access(request)
    workspace, name = editing.workspace, editing.name
    await save_draft(workspace, name, document, publisher, Response(), access, editing.etag)
    kept = await load(request, workspace, name)
    return kept if sent == editing.etag else replace(kept, etag=sent)


async def save(
    request: Request,
    editing: Editing,
    document: dict[str, Any],
    form: Mapping[str, Any],
    *,
    here: str | None = None,
) -> Response | Editing:
    """Save the document as the draft, and publish it where the form's ``act`` says so.

    A Response leads back to ``here`` (the request's own address) and says what was done; a
    document with faults stays a draft then. An Editing is what to show instead where somebody
    changed the integration meanwhile: the document as it was sent, on top of what is there now.
    Raises CallerError ``managed_by_files``.
    """
    workspace, name, access = editing.workspace, editing.name, _access(request)
    publisher, here = _publisher(request), here or request.url.path
    sent = str(form.get("etag") or editing.etag)
    answer = Response()
    try:
        await save_draft(workspace, name, document, publisher, answer, access, sent)
    except CallerError as error:
        if error.code != "changed_meanwhile":
            raise
        return await _conflict(request, editing, document)
    if form.get("act") != PUBLISH:
        return redirect(request, here, note="Saved as a draft. What is published stays in force.")
    return await _published(request, editing, answer.headers["etag"], here)


async def publish(
    request: Request, workspace: str, name: str, etag: str, over: int | None = None
) -> shapes.PublicationShape:
    """The REST API's operation with who asks. Raises InvalidDocument, CallerError."""
    publisher, access = _publisher(request), _access(request)
    return await publish_draft(workspace, name, publisher, Response(), access, over, etag)


async def _published(request: Request, editing: Editing, etag: str, here: str) -> Response:
    try:
        done = await publish(request, editing.workspace, editing.name, etag)
    except InvalidDocument as error:
        number = len(error.faults)
        what = "a fault is" if number == 1 else f"{number} faults are"
        note = f"Saved as a draft, and not published: {what} to be mended first."
        return redirect(request, here, note=note, tone="danger")
    except CallerError as error:
        if error.code != "changed_meanwhile":
            raise
        note = "Saved as a draft, and not published: another version was published meanwhile."
        return redirect(request, here, note=note, tone="danger")
    note = f"Saved. Version {done.version} is in force."
    return redirect(request, here, note=note if done.changed else "Saved. Nothing had changed.")


async def _conflict(request: Request, editing: Editing, document: dict[str, Any]) -> Editing:
    now = await load(request, editing.workspace, editing.name)
    by = now.draft.changed_by if now.draft else now.published.published_by
    found = await examined(request, now, document)
    return replace(found, conflict=Conflict(by, side_by_side(now.document, found.document)))


def _without_switch(document: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy({key: value for key, value in document.items() if key != "enabled"})


def _access(request: Request) -> Access:
    return cast("Access", request.scope[ACCESS_KEY])


def _engine(request: Request) -> Engine:
    return cast("Engine", request.app.state.engine)


def _publisher(request: Request) -> Publisher:
    return cast("Publisher", request.app.state.publisher)
