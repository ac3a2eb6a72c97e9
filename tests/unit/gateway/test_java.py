"""Java's HttpClient asks every plain server to upgrade to h2c; its calls arrive with their body."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.unit.gateway.conftest import Served

CALL = Path(__file__).with_name("Call.java")


@pytest.mark.skipif(shutil.which("java") is None, reason="no java here; test_protocol replays it")
@pytest.mark.parametrize("size_bytes", [5, 200_000])
async def test_calls_of_javas_http_client_arrive_with_their_body(
    served: Served, size_bytes: int
) -> None:
    served.engine.publish({"name": "Open"})
    url = f"http://127.0.0.1:{served.port}/t37ed/Open"
    process = await asyncio.create_subprocess_exec(
        "java", str(CALL), url, str(size_bytes), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().split("\n") == ["202 HTTP_1_1", "202 HTTP_1_1", ""]
    calls = served.engine.calls
    assert [call.body for call in calls] == [b"x" * size_bytes] * 2
    assert b"upgrade" in dict(calls[0].request.headers)
    assert b"transfer-encoding" in dict(calls[1].request.headers)
