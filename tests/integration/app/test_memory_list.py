"""Documents are listed page by page, and a page past the end is empty and says so."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform

Where = tuple[str, str, Path]
NAMES = ["a.md", "b.md", "c.md"]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Where]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    notes = tmp_path / "notes"
    notes.mkdir()
    for name in NAMES:
        (notes / name).write_text(f"# {name}\n\nThe heron wades.")
    settings = load_settings(tmp_path, {})
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        async for _ in platform.memory.ingest("default", [notes]):
            pass
        yield server.url, await asyncio.to_thread(read_local_token, settings), tmp_path


@pytest.mark.parametrize("there", ["home", "server"])
@pytest.mark.parametrize(
    ("language", "said"), [("en", "There are no more documents"), ("es", "No hay más documentos")]
)
async def test_the_command_goes_on_page_by_page_and_says_where_it_ends(
    served: Where, capsys: pytest.CaptureFixture[str], there: str, language: str, said: str
) -> None:
    url, key, home = served
    where = ["--home", str(home)] if there == "home" else ["--url", url, "--api-key", key]

    async def listed(*words: str) -> tuple[str, str]:
        capsys.readouterr()
        line = [*where, "--lang", language, "memory", "list", *words]
        assert await asyncio.to_thread(run_cli, line) == 0
        told = capsys.readouterr()
        return told.out, told.err

    names: list[str] = []
    cursor = ""
    for _ in range(len(NAMES)):
        page = json.loads((await listed("--limit", "1", "--cursor", cursor, "--json"))[0])
        names += [one["source"] for one in page["items"]]
        cursor = page["next"]
    assert names == NAMES
    past = json.loads((await listed("--limit", "1", "--cursor", cursor, "--json"))[0])
    assert past == {"items": [], "next": None}
    out, err = await listed("--cursor", cursor)
    assert out == ""
    assert said in err


async def test_a_page_past_the_end_is_empty_over_http(served: Where) -> None:
    url, key, _ = served
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        last = (await client.get("/v1/memory/documents", params={"limit": 3})).json()
        assert ([one["source"] for one in last["items"]], last["next"]) == (NAMES, "")
        past = (await client.get("/v1/memory/documents", params={"cursor": "zzz"})).json()
        assert past == {"items": [], "next": ""}
