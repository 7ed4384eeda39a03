"""Documents sent over HTTP: what is said of them is about them, in the reader's language."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.texts import catalogue
from flowmatik.contracts.security import Principal
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import Places, build_memory
from tests.integration.api.test_api import Keys, bearer
from tests.integration.api_apps import app_with


def _words(language: str, kind: str, code: str, values: Mapping[str, object], otherwise: str) -> str:
    return catalogue(language).fault(code, values, otherwise)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    uploads = tmp_path / "uploads"
    memory = build_memory(
        tmp_path / "memory.db", embedder=None, clock=SystemClock(), places=Places(uploads=uploads)
    )
    app = app_with(memory=memory, identity=Keys(), upload_dir=uploads, words=_words)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as one:
        yield one
    await memory.close()


async def sent(client: httpx.AsyncClient, language: str, **files: str) -> list[dict[str, Any]]:
    answer = await client.post(
        "/v1/memory/documents",
        files=[("files", (name, text.encode(), "text/plain")) for name, text in files.items()],
        headers={**bearer("admin"), "Accept-Language": language},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_the_counters_speak_of_what_was_sent(client: httpx.AsyncClient) -> None:
    first = await sent(client, "en", **{"a.md": "# A\n\nAlpha.", "b.md": "# B\n\nBeta.", "c.md": "# C"})
    assert [(step["done"], step["total"]) for step in first] == [(1, 3), (2, 3), (3, 3)]
    (second,) = await sent(client, "en", **{"d.md": "# D\n\nDelta."})
    assert (second["source"], second["done"], second["total"]) == ("d.md", 1, 1)


async def test_what_is_odd_about_a_document_is_said_in_the_language_asked_for(
    client: httpx.AsyncClient,
) -> None:
    (english,) = await sent(client, "en", **{"a.csv": "name,age\nAna,31\nLuis\n"})
    (spanish,) = await sent(client, "es", **{"empty.md": ""})
    assert english["notices"][0]["code"] == "document.ragged"
    assert "first line 3" in english["notices"][0]["text"]
    assert spanish["notices"] == [{"code": "document.empty", "text": "no contiene texto", "values": {}}]


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/v1/runs", b'{"goal":' + b"[" * 100_000, "application/json"),
        ("/v1/memory/documents", b"--x\r\nno form at all", "multipart/form-data"),
    ],
)
@pytest.mark.parametrize(
    ("language", "words"), [("es", "el cuerpo de la petición no se puede leer"), ("en", "cannot be read")]
)
async def test_a_body_that_no_parser_can_read_is_told_in_the_language_asked_for(
    path: str, content: bytes, kind: str, language: str, words: str, client: httpx.AsyncClient
) -> None:
    headers = {**bearer("admin"), "Accept-Language": language, "Content-Type": kind}
    answer = await client.post(path, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "input.body"), answer.text
    assert words in answer.json()["detail"]


class Staff:
    """An `Identity` and an `Audience`: whoever comes may write, and is themselves."""

    async def authenticate(self, credential: str) -> Principal:
        scopes = frozenset({"memory:read", "memory:write"})
        return Principal(id=credential, name=credential, workspace_id="a", scopes=scopes)

    async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
        return frozenset({f"user:{principal}"})


async def test_nobody_writes_over_what_is_for_others_or_hears_of_it(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    memory = build_memory(
        tmp_path / "memory.db", embedder=None, clock=SystemClock(), places=Places(uploads=uploads)
    )
    app = app_with(memory=memory, identity=Staff(), audience=Staff(), upload_dir=uploads, words=_words)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

        async def send(who: str, name: str, text: str, **query: str) -> httpx.Response:
            files = [("files", (name, text.encode(), "text/plain"))]
            return await client.post("/v1/memory/documents", files=files, params=query, headers=bearer(who))

        assert (await send("ana", "pay.md", "Ana earns 900.", acl="user:ana")).status_code == 200
        assert (await send("ana", "for-ana/pay.md", "Ana earns 950.")).status_code == 200
        await send("ana", "for-ana/pay.md", "Ana earns 950.", acl="user:ana")
        refused = await send("bob", "pay.md", "Ana earns nothing.")
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.denied.document")
        (uploads / "a" / "hidden.xyz").write_text("which nobody can read")
        told = (await send("bob", "own/pay.md", "Bob earns 800.")).json()["items"]
        assert [step["source"] for step in told] == ["own/pay.md"]
        for who, counted in (("ana", 3), ("bob", 1)):
            assert (await client.get("/v1/memory", headers=bearer(who))).json()["documents"] == counted
        found = await client.get("/v1/memory/search", params={"q": "Ana earns"}, headers=bearer("ana"))
        assert "Ana earns 900." in [one["text"] for one in found.json()["items"]]
        assert (await send("ana", "pay.md", "Ana earns 901.")).json()["items"][0]["outcome"] == "updated"
    await memory.close()
