"""Connections of many calls at once.

For each call the library looks through all connections of its pool twice, and asks the system after each that
is idle: with a thousand calls under way that takes a third as long as all the rest of a call. Many small
pools do the same in no time.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import httpx2

WIDTH = 32  # connections of a pool
MOST = 32  # pools
WARM = 3  # pools that keep all of their connections for the next calls
KEPT = 8  # by each of the others


@dataclass(slots=True, kw_only=True)
class Pool:
    transport: httpx2.AsyncHTTPTransport
    busy: int = 0


class Pools(httpx2.AsyncBaseTransport):
    """The first pool with room takes a call, so that few calls need few connections; where none has, the one
    with the least to do lets it wait."""

    def __init__(self) -> None:
        self._context = httpx2.create_ssl_context()
        self.pools = [self._made(WIDTH)]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        pool = self._chosen()
        pool.busy += 1
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException:
            pool.busy -= 1
            raise
        response.stream = Busy(cast("httpx2.AsyncByteStream", response.stream), pool)
        return response

    async def aclose(self) -> None:
        for pool in self.pools:
            await pool.transport.aclose()

    def _chosen(self) -> Pool:
        for pool in self.pools:
            if pool.busy < WIDTH:
                return pool
        if len(self.pools) >= MOST:
            return min(self.pools, key=lambda pool: pool.busy)
        self.pools.append(self._made(WIDTH if len(self.pools) < WARM else KEPT))
        return self.pools[-1]

    def _made(self, kept: int) -> Pool:
        limits = httpx2.Limits(max_connections=WIDTH, max_keepalive_connections=kept)
        return Pool(transport=httpx2.AsyncHTTPTransport(verify=self._context, limits=limits))


class Busy(httpx2.AsyncByteStream):
    """An answer on its way; its connection is free when it is closed."""

    def __init__(self, stream: httpx2.AsyncByteStream, pool: Pool) -> None:
        self._stream = stream
        self._pool: Pool | None = pool

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        try:
            await self._stream.aclose()
        finally:
            if pool is not None:
                pool.busy -= 1
