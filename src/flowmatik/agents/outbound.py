"""HTTP to servers that are not ours: no way into private networks, bounded answers, nothing followed."""

import httpx

from flowmatik.kernel.addresses import addresses_of, is_public
from flowmatik.kernel.errors import ToolError, ToolOutcomeUnknown


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the very address that it has looked at, so that a name that changes its meaning between
    the look and the connection (DNS rebinding) leads nowhere. The server's certificate is still checked
    against the name."""

    def __init__(self, *, private: bool) -> None:
        """`private`: the operator says that this base URL may lie in a private network."""
        self._private = private
        self._inner = httpx.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._private:
            request = await self._looked_at(request)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _looked_at(self, request: httpx.Request) -> httpx.Request:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            found = await addresses_of(host, port)
        except OSError as error:
            raise httpx.ConnectError(f"the host {host!r} is unknown", request=request) from error
        if not found or not all(is_public(one) for one in found):
            raise ToolError(
                f"the host {host!r} is in a private network; say allow_private: true beside its address if "
                "that is meant",
                code="tool.private_address",
                context={"host": host},
            )
        return httpx.Request(
            request.method,
            request.url.copy_with(host=found[0]),
            headers=request.headers,  # Host stays the name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )


def outbound_client(*, private: bool, seconds: float) -> httpx.AsyncClient:
    """Follows nothing, takes nothing from the environment, keeps no cookies of one call for another."""
    return httpx.AsyncClient(
        transport=GuardedTransport(private=private),
        timeout=httpx.Timeout(seconds, connect=min(seconds, 10.0)),
        follow_redirects=False,
        trust_env=False,
    )


async def read_bounded(answer: httpx.Response, most: int) -> bytes:
    """The body, decoded. Raises ToolOutcomeUnknown when it is longer: the call was answered, and what it
    did stays done."""
    parts: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_bytes(65_536):
        size += len(chunk)
        if size > most:
            raise too_large(answer.url.host, most)
        parts.append(chunk)
    return b"".join(parts)


def too_large(server: str, most: int) -> ToolOutcomeUnknown:
    return ToolOutcomeUnknown(
        f"{server!r} answered with more than {most:,} bytes; ask for less",
        code="tool.too_large",
        context={"server": server, "most": most},
    )
