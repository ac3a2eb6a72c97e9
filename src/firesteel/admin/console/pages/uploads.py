"""An integration file that is handed in by a form."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import UploadFile

from firesteel.model.document import InvalidDocument, check_integration
from firesteel.model.fault import Fault

MOST_BYTES = 1024 * 1024


async def read_upload(given: Any) -> dict[str, Any] | None:
    """The document of the file, faults of the integration and all; None where no file was chosen.
    Raises InvalidDocument where it is no YAML or JSON mapping."""
    if not isinstance(given, UploadFile) or not given.filename:
        return None
    data = await given.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _invalid("document_too_large", "the file is larger than 1 MiB")
    try:
        loaded = (await asyncio.to_thread(check_integration, data.decode(), "")).loaded
    except UnicodeDecodeError:
        raise _invalid("yaml_syntax", "the file is not text in UTF-8") from None
    if loaded.faults:
        raise InvalidDocument(loaded.faults)
    if not isinstance(loaded.document, dict):
        raise _invalid("wrong_type", "an integration is a mapping of keys and values")
    return loaded.document


def _invalid(code: str, detail: str) -> InvalidDocument:
    return InvalidDocument([Fault("", 0, 0, "", code, detail)])
