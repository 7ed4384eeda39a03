"""Pages of the web: those of a list, and those of sitemaps (sitemaps.org 0.9) on the sitemap's own host.

robots.txt is honoured (RFC 9309), redirects lead nowhere but to the same host, private networks are closed
unless the operator opens them, and a page that has not changed is not sent again (RFC 9110, conditional
requests).
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceSetup
from flowmatik.kernel.addresses import origin_of
from flowmatik.memory.source_kinds.web.names import file_name, version_of
from flowmatik.memory.source_kinds.web.requests import Answer, Pages, fault_of
from flowmatik.memory.source_kinds.web.sitemaps import MOST_SITEMAP_BYTES, locations
from flowmatik.memory.source_settings import Given, lost

_SITEMAPS = 200


def build(given: SourceSetup) -> "WebReader":
    settings = Given("web", given.settings)
    urls, sitemaps = settings.texts("urls"), settings.texts("sitemaps")
    most = settings.number("most", 1000, most=100_000)
    seconds = settings.number("timeout_seconds", 30, most=600)
    private, robots = settings.flag("allow_private"), not settings.flag("ignore_robots")
    settings.finish()
    for key, addresses in (("urls", urls), ("sitemaps", sitemaps)):
        for url in addresses:
            try:
                origin_of(url)
            except ValueError as error:
                raise settings.wrong(
                    key, f"{url[:200]!r} is no http:// or https:// address without a user"
                ) from error
    if not urls and not sitemaps:
        raise settings.wrong("urls", "give urls or sitemaps")
    pages = Pages(lambda: given.outside.http(private, float(seconds)), robots=robots)
    return WebReader(urls, sitemaps, most=most, pages=pages)


class WebReader:
    """Implements `SourceReader`."""

    content_versions = False
    in_place: Path | None = None

    def __init__(self, urls: tuple[str, ...], sitemaps: tuple[str, ...], *, most: int, pages: Pages) -> None:
        self._urls = urls
        self._sitemaps = sitemaps
        self._most = most
        self._pages = pages

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        named = dict.fromkeys(url.partition("#")[0] for url in self._urls)
        for sitemap in self._sitemaps:
            named |= dict.fromkeys(await self._mapped(sitemap))
        if len(named) > self._most:
            raise lost(
                next(iter(named)), f"it names {len(named)} pages, above the limit `most` of {self._most}"
            )
        for url in named:
            yield Entry(path=url, metadata={"url": url})

    def listed(self) -> Listed:
        return Listed(complete=True)

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        answer = await self._pages.get(entry.path, known, most)
        if answer.status == 304 and known:
            return None
        if answer.status != 200:
            raise fault_of(entry.path, answer.status)
        version = version_of(answer)
        if version == known:
            return None
        return Content(data=answer.body, name=file_name(entry.path, answer.media), version=version)

    async def close(self) -> None:
        await self._pages.close()

    async def _mapped(self, sitemap: str) -> Sequence[str]:
        """The pages of a sitemap, or of those that an index of sitemaps names, all on its own host."""
        origin, waiting, seen = origin_of(sitemap), [sitemap], {sitemap}
        found: Sequence[str] = ()
        while waiting:
            url = waiting.pop(0)
            answer = await self._sent(url)
            maps, pages = locations(url, answer.body)
            found = (*found, *(page for page in pages if _is_at(page, origin)))
            for inner in maps:
                if inner not in seen and _is_at(inner, origin):
                    seen.add(inner)
                    waiting.append(inner)
            if len(seen) > _SITEMAPS or len(found) > self._most:
                raise lost(sitemap, f"it names more than {_SITEMAPS} sitemaps or {self._most} pages")
        return found

    async def _sent(self, url: str) -> Answer:
        answer = await self._pages.get(url, "", MOST_SITEMAP_BYTES, of_source=True)
        if answer.status != 200:
            raise lost(url, f"the server answers {answer.status}")
        return answer


def _is_at(url: str, origin: tuple[str, str, int]) -> bool:
    try:
        return origin_of(url) == origin
    except ValueError:
        return False
