"""A client of HTTP/1.1 that costs next to nothing: whoever serves shares the machine's cores with it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flowmatik.kernel import canonical

LONGEST_SECONDS = 120.0


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status


class Ingress:
    """Connections that stay open, as many as there are requests at once. Close it when done."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        place = urlsplit(url)
        self._host, self._port = str(place.hostname), int(place.port or 80)
        fields = {"Host": f"{self._host}:{self._port}", **(headers or {})}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> bytes:
        """The whole body, however long it takes to come. Raises Refused."""
        return await self._asked(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, body: Any = None) -> bytes:
        text = b"" if body is None else canonical.dumps(body).encode()
        kind = "" if body is None else "Content-Type: application/json\r\n"  # Restate refuses one of nothing
        kind += f"Content-Length: {len(text)}\r\n"
        return await self._asked(f"POST {path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + text)

    async def _asked(self, request: bytes) -> bytes:
        reader, writer = self._free.pop() if self._free else await self._connected()
        writer.write(request)
        async with asyncio.timeout(LONGEST_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"transfer-encoding: chunked" in head:
                body = await _chunks(reader)
            else:
                body = await reader.readexactly(int(_field(head, b"content-length") or 0))
        self._free.append((reader, writer))
        status = int(head[9:12])
        if status >= 300:
            raise Refused(status, body.decode(errors="replace"))
        return body

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, limit=2**20)

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


def _field(head: bytes, name: bytes) -> bytes:
    _, _, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip()
