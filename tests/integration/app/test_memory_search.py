"""Searching memory from the command line and over HTTP: conditions, reasons, and whether it answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from flowmatik.app.cli.memory_search import search_asked
from flowmatik.app.cli.session import Session
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.texts import Texts
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.memory import DocumentLabels, Search
from flowmatik.kernel.errors import InvalidInput
from tests.unit.app.samples import session, written

ASKED = Search(query="When does the harbour gate open?", tags=("port",), dated_from="2024")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    return load_settings(tmp_path, {})


@pytest.fixture
async def platform(settings: Settings, tmp_path: Path) -> AsyncIterator[Platform]:
    folder = tmp_path / "papers"
    folder.mkdir()
    async with open_platform(settings, recover_all=True) as opened:
        for name, dated in (("old", "2019"), ("new", "2024-05-01")):
            (folder / f"{name}.md").write_text(f"# Gate\n\nThe {name} harbour gate opens at seven.\n")
            labels = DocumentLabels(tags=("port",), dated=dated)
            async for _ in opened.memory.ingest("default", [folder / f"{name}.md"], labels=labels):
                pass
        yield opened


def of_home(settings: Settings, *, as_json: bool, language: str = "en") -> Session:
    made = session(json=as_json)
    return Session(
        text=Texts(language),
        environment={},
        home=str(settings.home),
        json=as_json,
        out=made.out,
        err=made.err,
    )


async def test_a_server_narrows_by_tag_and_date_and_says_whether_there_is_an_answer(
    platform: Platform, settings: Settings
) -> None:
    async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
        token = await asyncio.to_thread(read_local_token, settings)
        remote = RemoteBackend(serving.url, token)
        found = await remote.memory.find("default", ASKED)
        assert found == await platform.memory.find("default", ASKED)
        assert [one.source for one in found.items] == ["new.md"]
        assert found.answerable.likely
        assert not (await remote.memory.find("default", replace(ASKED, query="gate tax?"))).answerable.likely
        assert len(await remote.memory.search("default", ASKED.query)) == 2
        for wrong in ({"dated_from": "soon"}, {"languages": ("Klingon",)}, {"tags": ("",)}):
            with pytest.raises(InvalidInput):
                await remote.memory.find("default", replace(ASKED, **cast("Any", wrong)))
        await remote.close()
        async with httpx.AsyncClient(
            base_url=serving.url, headers={"Authorization": f"Bearer {token}"}
        ) as client:
            unknown = await client.get("/v1/memory/search", params={"q": "gate", "tags": "port"})
            assert unknown.status_code == 422


async def test_the_command_tells_why_and_that_nothing_answers(
    platform: Platform, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve_platform(platform, host="127.0.0.1", port=0):
        assert await search_asked(of_home(settings, as_json=True), ASKED) == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["source"] for one in told["items"]] == ["new.md"]
        assert told["answerable"]["likely"] is True
        spoken = of_home(settings, as_json=False)
        assert await search_asked(spoken, ASKED, why=True) == 0
        assert "- words: it has 100 % of what the question's words say" in written(spoken.out)
        assert "Nothing here" not in written(spoken.err)
        spanish = of_home(settings, as_json=False, language="es")
        assert await search_asked(spanish, Search(query="the tax of turnips at the gate"), why=True) == 0
        assert "Nada de lo que hay parece responder" in written(spanish.out) + written(spanish.err)


async def test_the_warning_stands_before_the_hits_on_the_same_stream(
    platform: Platform, settings: Settings
) -> None:
    async with serve_platform(platform, host="127.0.0.1", port=0):
        spoken = of_home(settings, as_json=False)
        assert await search_asked(spoken, Search(query="the tax of turnips at the gate")) == 0
        first, second, *_ = written(spoken.out).splitlines()
        assert first.startswith("Nothing here seems to answer")
        assert ".md" in second


async def test_a_source_or_language_that_memory_does_not_have_is_named(
    platform: Platform, settings: Settings
) -> None:
    async with serve_platform(platform, host="127.0.0.1", port=0):
        for asked, told in (
            (Search(query="gate", sources=("elsewhere",)), "no document, table or folder 'elsewhere'"),
            (Search(query="gate", languages=("xx",)), "nothing in the language 'xx'"),
        ):
            spoken = of_home(settings, as_json=False)
            assert await search_asked(spoken, asked) == 0
            assert told in written(spoken.err)
            assert "Nothing found" not in written(spoken.err)
        spoken = of_home(settings, as_json=False)
        assert await search_asked(spoken, Search(query="zzzz", sources=("new.md",), languages=("en",))) == 0
        assert "no document" not in written(spoken.err)
