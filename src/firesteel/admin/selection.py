"""Which messages are meant: the selection of a request as the store's filter, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from firesteel.admin import shapes
from firesteel.admin.times import read, written_or_none
from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.model.path import MISSING, as_key
from firesteel.store.history import MessageFilter

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine


def filter_of(workspace: str, given: shapes.MessageSelection) -> MessageFilter:
    """The conditions; pages are whoever asks' to add. Raises CallerError ``invalid_request``."""
    search = None
    if (given.search_name is None) != (given.search_value is None):
        raise CallerError("search_name and search_value go together", code="invalid_request")
    if given.search_name is not None and given.search_value is not None:
        search = (given.search_name, _stored(given.search_value))
    return MessageFilter(
        workspace=workspace,
        integration=given.integration,
        state=State(given.state) if given.state else None,
        consumer=given.consumer,
        received_from_us=read(given.received_from) if given.received_from else None,
        received_until_us=read(given.received_until) if given.received_until else None,
        sequence=given.sequence,
        search=search,
        failure_code=given.failure_code,
        unrepeated=given.unrepeated,
    )


def _stored(value: str) -> str:
    """A search value as it is kept: of a very long text, or of one that no store holds as it is,
    the digest. What is given may be either."""
    key = as_key(value)
    return value if key is MISSING else key


def page_of(workspace: str, query: shapes.MessagesQuery) -> MessageFilter:
    """The same with a page's cursor and size."""
    before_no = int(query.cursor) if query.cursor else None
    return replace(filter_of(workspace, query), before_no=before_no, limit=query.limit)


def selection_of(filter: MessageFilter) -> shapes.MessageSelection:
    """The conditions of a filter, as they were given."""
    name, value = filter.search or (None, None)
    return shapes.MessageSelection(
        integration=filter.integration,
        state=filter.state.value if filter.state else None,
        consumer=filter.consumer,
        received_from=written_or_none(filter.received_from_us),
        received_until=written_or_none(filter.received_until_us),
        sequence=filter.sequence,
        search_name=name,
        search_value=value,
        failure_code=filter.failure_code,
        unrepeated=filter.unrepeated,
    )


async def refuse_unknown_names(
    engine: Engine, workspace: str, given: shapes.MessageSelection
) -> None:
    """An empty list must not hide a slip of the pen. To be asked where nothing was found: messages
    of removed integrations, and of search names that older versions had, are still listed. Raises
    CallerError ``unknown_integration`` and ``invalid_request``."""
    published = await engine.catalog.integrations(workspace)
    if given.integration is not None:
        published = [item for item in published if item.name == given.integration]
        if not published:
            raise CallerError(
                f"the workspace {workspace} has no integration {given.integration}",
                code="unknown_integration",
            )
    names = {name for item in published for name in item.document.get("search") or {}}
    if given.search_name is not None and given.search_name not in names:
        raise CallerError(
            f"no integration has the search name {given.search_name}", code="invalid_request"
        )
