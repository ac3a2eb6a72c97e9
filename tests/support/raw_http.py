"""A client that sends bytes as they are and reads answers as they come, to test HTTP itself."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

TIMEOUT_S = 60.0  # a test that hangs ends; nothing is measured with it


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; ``headers``: pairs in order, names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        (value,) = [value for key, value in self.headers if key == name]
        return value

    def get(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self["content-type"] == "application/problem+json", (self.status, self.body)
        problem = self.json
        assert problem["status"] == self.status
        assert {"type", "title", "status", "detail", "instance"} <= set(problem)
        code: str = problem["type"].removeprefix("urn:firesteel:")
        return code


class RawConnection:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, **options: Any) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, **options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._writer.close()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send_all(self, data: bytes) -> None:
        """Send this, and that nothing follows."""
        await self.send(data)
        self._writer.write_eof()

    async def answer(self, *, head: bool = False) -> Answer:
        """The next answer; ``head``: to a HEAD request, so without a body."""
        async with asyncio.timeout(TIMEOUT_S):
            block = await self._reader.readuntil(b"\r\n\r\n")
            line, *rest = block[:-4].decode("latin-1").split("\r\n")
            headers = [(name.lower(), value) for name, value in (h.split(": ", 1) for h in rest)]
            status = int(line.split(" ")[1])
            named = dict(headers)
            if head or status in (100, 204, 304):
                body = b""
            elif named.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            else:
                body = await self._reader.readexactly(int(named["content-length"]))
            return Answer(status, headers, body)

    async def call(self, data: bytes) -> Answer:
        await self.send(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """What comes until the other side has closed."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self._reader.read()

    async def _chunks(self) -> bytes:
        pieces = []
        while size := int(await self._reader.readline(), 16):
            pieces.append(await self._reader.readexactly(size))
            await self._reader.readline()
        await self._reader.readline()
        return b"".join(pieces)


def request(
    method: str, target: str, body: bytes | None = None, **headers: str | list[str]
) -> bytes:
    """A well-formed request; underscores in names of ``headers`` stand for hyphens."""
    lines = [f"{method} {target} HTTP/1.1", "Host: firesteel.test"]
    for name, value in headers.items():
        values = [value] if isinstance(value, str) else value
        lines += [f"{name.replace('_', '-')}: {one}" for one in values]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
