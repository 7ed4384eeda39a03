"""Asking servers for pages: politely, boundedly, and nowhere but where the source says."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

import httpx

from flowmatik.kernel.addresses import origin_of
from flowmatik.kernel.errors import DocumentError, FlowmatikError, Unavailable
from flowmatik.memory.source_settings import lost

AGENT = "Flowmatik"
_REDIRECTS = 5
_ROBOTS_BYTES = 512 * 1024  # RFC 9309, section 2.5
_GONE = (404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`tag` and `modified` are the headers ETag and Last-Modified."""

    status: int
    body: bytes
    media: str = ""
    tag: str = ""
    modified: str = ""


class Pages:
    def __init__(self, client: Callable[[], httpx.AsyncClient], *, robots: bool) -> None:
        self._open = client
        self._client: httpx.AsyncClient | None = None
        self._robots: dict[tuple[str, str, int], RobotFileParser] | None = {} if robots else None
        self._lock = asyncio.Lock()

    async def get(self, url: str, known: str, most: int, *, of_source: bool = False) -> Answer:
        """`known`: the version that is had already. Raises DocumentError; what the whole source hangs on
        (`of_source`) raises Unavailable instead."""
        try:
            return await self._followed(url, known, most)
        except DocumentError as error:
            if of_source:
                raise lost(url, error.message) from error
            raise

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _followed(self, url: str, known: str, most: int) -> Answer:
        origin, here = origin_of(url), url
        for _ in range(_REDIRECTS):
            await self._allowed(here)
            answer, onward = await self._asked(here, known, most)
            if not onward:
                return answer
            here = urljoin(here, onward)
            try:
                same = origin_of(here)[1] == origin[1]
            except ValueError:
                same = False
            if not same:
                raise _refused(url, "document.redirect", f"it leads to another host: {here[:200]}")
        raise _refused(url, "document.redirect", f"it leads on more than {_REDIRECTS} times")

    async def _allowed(self, url: str) -> None:
        if self._robots is None:
            return
        origin = origin_of(url)
        async with self._lock:
            if origin not in self._robots:
                self._robots[origin] = await self._rules(url, origin)
        if not self._robots[origin].can_fetch(AGENT, url):
            raise _refused(url, "document.robots", "the server's robots.txt asks not to read it")

    async def _rules(self, url: str, origin: tuple[str, str, int]) -> RobotFileParser:
        """No such file: all is allowed. A server that cannot say allows nothing."""
        address = urljoin(url, "/robots.txt")
        rules = RobotFileParser(address)
        here = address
        for _ in range(_REDIRECTS):
            answer, onward = await self._asked(here, "", _ROBOTS_BYTES, cut=True)
            if not onward:
                break
            here = urljoin(here, onward)
            if origin_of(here)[1] != origin[1]:
                raise _refused(url, "document.redirect", "its robots.txt leads to another host")
        else:
            raise _refused(url, "document.redirect", "its robots.txt leads on and on")
        if 400 <= answer.status < 500:
            rules.parse([])
        elif answer.status == 200:
            rules.parse(answer.body.decode("utf-8", "replace").splitlines())
        else:
            raise fault_of(address, answer.status)
        return rules

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._open()
        return self._client

    async def _asked(self, url: str, known: str, most: int, *, cut: bool = False) -> tuple[Answer, str]:
        """One request: the answer, and where it leads on. `cut`: of a longer one the beginning."""
        headers = {"User-Agent": AGENT, **_conditions(known)}
        try:
            async with self._opened().stream("GET", url, headers=headers) as sent:
                if sent.has_redirect_location:
                    return Answer(status=sent.status_code, body=b""), sent.headers["location"]
                body = await _bounded(url, sent, most, cut=cut) if sent.status_code == 200 else b""
                return _answer(sent, body), ""
        except httpx.HTTPError as error:
            raise unreachable(url, type(error).__name__) from error
        except (DocumentError, Unavailable):
            raise
        except FlowmatikError as error:  # a private network
            raise _refused(url, "document.private_address", "its host is in a private network") from error


async def _bounded(url: str, sent: httpx.Response, most: int, *, cut: bool) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in sent.aiter_bytes(65_536):
        size += len(chunk)
        parts.append(chunk)
        if size > most and cut:
            break
        if size > most:
            raise DocumentError(
                f"{url}: more than {most} bytes; split it or raise the limit",
                code="document.too_large",
                context={"size": size, "limit": most},
            )
    return b"".join(parts)


def fault_of(url: str, status: int) -> DocumentError:
    if status in _GONE:
        return DocumentError(
            f"{url}: the server has it no longer ({status})", code="document.gone", context={"status": status}
        )
    return unreachable(url, f"the server answers {status}")


def unreachable(url: str, why: str) -> DocumentError:
    return DocumentError(
        f"{url}: it cannot be had now ({why}); the next sync tries again",
        code="document.unreachable",
        retryable=True,
        context={"why": why},
    )


def _answer(sent: httpx.Response, body: bytes) -> Answer:
    return Answer(
        status=sent.status_code,
        body=body,
        media=sent.headers.get("content-type", "").partition(";")[0].strip().lower(),
        tag=sent.headers.get("etag", ""),
        modified=sent.headers.get("last-modified", ""),
    )


def _conditions(known: str) -> dict[str, str]:
    if not known.startswith("["):
        return {}
    tag, modified = json.loads(known)
    return {
        **({"If-None-Match": tag} if tag else {}),
        **({"If-Modified-Since": modified} if modified else {}),
    }


def _refused(url: str, code: str, why: str) -> DocumentError:
    return DocumentError(f"{url}: {why}", code=code, context={"why": why})
