"""What a live piece of a page shows already: it is sent again only where something else is to be
shown, so that a reader keeps the focus, the selection and what was opened.

The piece holds ``<input type="hidden" id="shown" name="shown" value="{{ shown_mark }}">`` and is
fetched with ``hx-include="#shown"``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.responses import Response

from firesteel.admin.long_payload import json_of

if TYPE_CHECKING:
    from fastapi import Request

    from firesteel.admin import shapes


def mark_of(shown: Iterable[shapes.Shape]) -> str:
    """The same for the same content."""
    digest = hashlib.sha256()
    for shape in shown:
        for piece in json_of(shape):
            digest.update(piece)
    return digest.hexdigest()[:16]


def unchanged(request: Request, mark: str) -> Response | None:
    """The answer where the reader has that already; htmx then leaves the page as it is."""
    if request.query_params.get("shown") == mark:
        return Response(status_code=204)
    return None
