"""Pages of a real HTTP server: sitemaps, robots.txt, conditional requests, redirects, private networks."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory import StoredEntities, StoredMemoryCare
from tests.contracts.sources.conftest import ME, Setting, W, counted
from tests.integration.memory.support import WordEmbedder

pytestmark = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)

HTML = "text/html; charset=utf-8"


class Site:
    """`pages`: status, kind and body, or where it leads; `asked` are the paths, `sent` those with a body."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str, str]] = {}
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.validators = True
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def page(self, path: str, text: str) -> None:
        self.pages[path] = (200, HTML, f"<html><title>T</title><body><h1>T</h1><p>{text}</p></body></html>")

    def sitemap(self, *urls: str) -> None:
        body = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        self.pages["/sitemap.xml"] = (200, "text/xml", f'<urlset xmlns="{space}">{body}</urlset>')

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        self.asked.append(to.path)
        status, kind, body = self.pages.get(to.path, (404, HTML, "no"))
        tag = f'"{hash(body) & 0xFFFFFF:x}"'
        if status == 200 and self.validators and to.headers.get("If-None-Match") == tag:
            status, body = 304, ""
        to.send_response(status)
        if status in (301, 302):
            to.send_header("Location", body)
            body = ""
        if self.validators and status == 200:
            to.send_header("ETag", tag)
        to.send_header("Content-Type", kind)
        to.send_header("Content-Length", str(len(body.encode())))
        to.end_headers()
        to.wfile.write(body.encode())
        if status == 200:
            self.sent.append(to.path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


async def test_a_page_that_has_not_changed_is_not_sent_again_and_one_that_is_gone_goes(
    at: Setting, site: Site, embedder: WordEmbedder
) -> None:
    site.page("/a", "The heron wades.")
    site.page("/b?x=1", "The bittern booms.")
    site.page("/c", "The stork claps.")
    site.sitemap(f"{site.url}/a", f"{site.url}/b?x=1", f"{site.url}/c", "http://elsewhere.example/d")
    await at.added("web", sitemaps=f"{site.url}/sitemap.xml", allow_private="true")
    assert counted(await at.synced()) == {"added": 3}
    site.sent.clear()
    embedded = len(embedder.calls)
    assert counted(await at.synced()) == {"unchanged": 3}
    assert site.sent == ["/sitemap.xml"]
    assert len(embedder.calls) == embedded

    site.page("/a", "The heron has flown.")
    del site.pages["/c"]
    assert counted(await at.synced()) == {"updated": 1, "unchanged": 1, "deleted": 1}
    assert len(embedder.calls) == embedded + 1
    site.sitemap(f"{site.url}/a")
    assert counted(await at.synced()) == {"unchanged": 1, "deleted": 1}
    (only,) = await at.memory.documents(W)
    assert only.metadata["url"] == f"{site.url}/a"
    assert only.source.endswith("/a.html")


async def test_robots_redirects_and_faults_are_dead_letters_with_their_reasons(
    at: Setting, site: Site
) -> None:
    site.pages["/robots.txt"] = (200, "text/plain", "User-agent: *\nDisallow: /secret")
    site.page("/secret/x", "No.")
    site.page("/old", "x")
    site.pages["/old"] = (301, HTML, "/new")
    site.page("/new", "The heron wades.")
    site.pages["/away"] = (302, HTML, "http://169.254.169.254/latest/meta-data")
    site.pages["/loop"] = (302, HTML, "/loop")
    site.pages["/down"] = (503, HTML, "later")
    urls = [f"{site.url}{path}" for path in ("/secret/x", "/old", "/away", "/loop", "/down", "/none")]
    await at.added("web", urls=urls, allow_private="true")
    assert counted(await at.synced()) == {"added": 1, "failed": 5}
    letters = {one.path.removeprefix(site.url): one for one in await at.sources.failures(ME, "docs")}
    assert {path: one.code for path, one in letters.items()} == {
        "/secret/x": "document.robots",
        "/away": "document.redirect",
        "/loop": "document.redirect",
        "/down": "document.unreachable",
        "/none": "document.gone",
    }
    assert [path for path, one in letters.items() if one.retryable] == ["/down"]
    assert "/secret/x" not in site.asked


async def test_a_private_network_is_closed_unless_it_is_opened(at: Setting, site: Site) -> None:
    site.page("/a", "The heron wades.")
    await at.added("web", urls=[f"{site.url}/a"])
    assert counted(await at.synced()) == {"failed": 1}
    (letter,) = await at.sources.failures(ME, "docs")
    assert letter.code == "document.private_address"
    assert not site.asked


async def test_a_site_that_is_down_keeps_what_was_taken(at: Setting, site: Site) -> None:
    site.page("/a", "The heron wades.")
    site.sitemap(f"{site.url}/a")
    await at.added("web", sitemaps=[f"{site.url}/sitemap.xml"], allow_private="true")
    await at.synced()
    site.pages["/a"] = (500, HTML, "")
    assert counted(await at.synced()) == {"failed": 1}
    assert len(await at.names()) == 1
    site.pages["/sitemap.xml"] = (200, "text/xml", '<!DOCTYPE x [<!ENTITY a "b">]><urlset>&a;</urlset')
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    assert len(await at.names()) == 1
    site.page("/a", "The heron is back.")
    site.sitemap(f"{site.url}/a")
    assert counted(await at.synced()) == {"updated": 1}
    assert not await at.sources.failures(ME, "docs")


async def test_a_page_without_validators_is_compared_by_content(at: Setting, site: Site) -> None:
    site.validators = False
    site.page("/a", "The heron wades.")
    await at.added("web", urls=[f"{site.url}/a"], allow_private="yes")
    await at.synced()
    assert counted(await at.synced()) == {"unchanged": 1}
    for bad in (
        {},
        {"urls": ["ftp://x/y"]},
        {"urls": ["http://u:p@x/y"]},
        {"urls": ["http://x"], "most": "0"},
    ):
        with pytest.raises(InvalidInput):
            await at.added("web", "other", **bad)


async def test_links_between_pages_lead_to_the_pages_that_are_in_memory(at: Setting, site: Site) -> None:
    site.page(
        "/birds/heron/", 'Eats <a href="/fish/carp">carp</a>, says <a href="../stork#voice">the stork</a>.'
    )
    site.page(
        "/fish/carp", f'Swims from <a href="{site.url}/birds/heron/">it</a>, and <a href="/none">x</a>.'
    )
    for path, title in (("/birds/heron/", "Heron"), ("/fish/carp", "Carp")):
        status, kind, text = site.pages[path]
        site.pages[path] = (status, kind, text.replace("<h1>T</h1>", f"<h1>{title}</h1>"))
    urls = [f"{site.url}{path}" for path in ("/birds/heron/", "/fish/carp")]
    await at.added("web", urls=urls, allow_private="true")
    assert counted(await at.synced()) == {"added": 2}
    host = site.url.removeprefix("http://").replace(":", "-")
    entities = StoredEntities(at.memory.store.database, at.clock)
    for _ in range(2):
        found = (await entities.show(W, "heron")).relations
        assert {(one.subject, one.object) for one in found} == {
            ("heron", "carp"), ("carp", "heron"), ("heron", f"{host}/birds/stork")
        }  # fmt: skip
        await StoredMemoryCare(at.memory, at.clock).rebuild(W)


async def test_pages_that_an_older_program_took_get_their_links_though_they_have_not_changed(
    at: Setting, site: Site, embedder: WordEmbedder
) -> None:
    site.page("/a", 'The <a href="/b">stork</a> claps.')
    site.page("/b", "The bittern booms.")
    await at.added("web", urls=[f"{site.url}/a", f"{site.url}/b"], allow_private="true")
    await at.synced()
    memory = at.memory.store.database.within(W)
    linked = "SELECT subject, relation, object, chunk FROM memory_relations WHERE relation = 'links_to'"
    before = await memory.fetch(linked)
    assert len(before) == 1
    await memory.transaction([
        ("DELETE FROM memory_relations WHERE workspace_id = $1", (W,)),
        ("UPDATE memory_documents SET links = '', derived = '2' WHERE workspace_id = $1", (W,)),
    ])  # fmt: skip
    embedded = len(embedder.calls)
    for _ in range(2):
        assert counted(await at.synced()) == {"unchanged": 2}
        assert await memory.fetch(linked) == before
    assert len(embedder.calls) == embedded
