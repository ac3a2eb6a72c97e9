"""Fetches the public keys of an issuer of tokens for the gateway, as any ``http`` step would be
sent: to no private address that the operator has not listed, with bounds in time and size.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firesteel.model.execution import Failure
from firesteel.worker.addresses import AddressRules
from firesteel.worker.failures import failure_of
from firesteel.worker.http_call import HttpCall
from firesteel.worker.http_connection import HttpClient

if TYPE_CHECKING:
    from firesteel.model import frames

_HEADERS = [("accept", "application/jwk-set+json, application/json")]


async def fetch_keys(frame: frames.FetchKeys) -> tuple[bytes, Failure | None]:
    """The document, or why there is none."""
    client = HttpClient(None, AddressRules(frame.outgoing_allow), share=1, folder=None)
    try:
        async with asyncio.timeout(frame.timeout_s):
            answer = await client.call(HttpCall("GET", frame.url, _HEADERS, None))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return b"", failure_of(error)
    finally:
        await client.close()
    if answer.status != 200:
        return b"", Failure("transient", "http_status", f"the answer was {answer.status}")
    if len(answer.body) > frame.limit_bytes:
        return b"", Failure("transient", "http_answer_too_large", "the answer is too large")
    return answer.body, None
