"""Indexes outside from the settings on: followed, told of, rebuilt, on the home and through its server."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from flowmatik.app.cli import memory, memory_indexes, memory_search
from flowmatik.app.cli.session import Session
from flowmatik.app.doctor_indexes import check_indexes
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.memory import Search
from flowmatik.kernel.errors import ConfigurationError
from tests.integration.app.test_memory_care import of_home
from tests.unit.app.samples import written

CHOSEN = """[embeddings]
enabled = false
[memory]
vectors = "sqlite_exact"
text = "fts5"
"""
AWAY = """[embeddings]
enabled = false
[memory]
text = "elasticsearch"
[memory.elasticsearch]
url = "http://127.0.0.1:9"
api_key_env = "SEARCH_KEY"
timeout = 5
"""
ASKED = Search(query="When does the gate open?")


def spoken_of(settings: Settings, *, as_json: bool) -> Session:
    return replace(of_home(settings, as_json=as_json), environment={"SEARCH_KEY": "k-123"})


def settings_of(home: Path, text: str, **environment: str) -> Settings:
    (home / "flowmatik.toml").write_text(text)
    (home / ".flowmatik").mkdir(mode=0o700, exist_ok=True)
    return load_settings(home, environment)


async def take(platform: Platform, folder: Path) -> None:
    (folder / "gate.md").write_text("# Gate\n\nThe gate opens at nine.", encoding="utf-8")
    assert [step.outcome async for step in platform.memory.ingest("default", [folder])] == ["added"]


async def followed(platform: Platform) -> None:
    for _ in range(1200):
        if all(one.agrees for one in await platform.memory_indexes.states("default")):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await platform.memory_indexes.states("default"))


async def test_what_is_taken_in_reaches_the_indexes_by_itself_and_searches_ask_them(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(tmp_path, CHOSEN)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as serving,
    ):
        await take(platform, tmp_path_factory.mktemp("own"))
        await followed(platform)
        remote = RemoteBackend(serving.url, await asyncio.to_thread(read_local_token, settings))
        states = await remote.memory_indexes.states("")
        assert states == await platform.memory_indexes.states("default")
        assert [(one.leg, one.index) for one in states] == [("vectors", "sqlite_exact"), ("text", "fts5")]
        assert [one.indexed for one in states] == [0, 1]  # embeddings are off
        assert await remote.memory_indexes.rebuild("") == states
        found = await remote.memory.find("", ASKED)
        assert (found.items[0].source.endswith("gate.md"), found.notices) == (True, ())
        await remote.close()
    assert {one.ok for one in await check_indexes(settings)} == {True}
    spoken = of_home(settings, as_json=False)
    assert await memory_indexes.rebuild_indexes(spoken) == 0
    assert "fts5" in written(spoken.out)
    assert await memory_indexes.rebuild_indexes(of_home(settings)) == 0
    assert [one["index"] for one in json.loads(capsys.readouterr().out)["items"]] == ["sqlite_exact", "fts5"]


async def test_an_index_that_is_away_is_told_of_everywhere_and_stops_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(tmp_path, AWAY, SEARCH_KEY="k-123")
    assert "k-123" not in repr(settings)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as serving,
    ):
        await take(platform, tmp_path_factory.mktemp("own"))
        remote = RemoteBackend(serving.url, await asyncio.to_thread(read_local_token, settings))
        found = await remote.memory.find("", ASKED)
        assert [one.code for one in found.notices] == ["search.text_away"]
        assert found.items[0].source.endswith("gate.md")
        assert (await remote.memory_indexes.states(""))[0].fault == "unavailable.index"
        await remote.close()
    assert [one.ok for one in await check_indexes(settings)] == [False]
    assert await memory_search.search_asked(spoken_of(settings, as_json=True), ASKED) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["values"]["index"] for one in told["notices"]] == ["elasticsearch"]
    spoken = spoken_of(settings, as_json=False)
    assert await memory_search.search_asked(spoken, ASKED) == 0
    assert "memory's own words" in written(spoken.err) + written(spoken.out)
    assert await memory.show_status(spoken_of(settings, as_json=True)) == 0
    assert json.loads(capsys.readouterr().out)["indexes"][0]["fault"] == "unavailable.index"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('[memory]\nvectors = "fts5"', ["index_unknown"]),
        ('[memory]\ntext = "postings"', ["index_unknown"]),
        ('[memory.nowhere]\nurl = "x"', ["index_unknown"]),
        ('[memory.pinecone]\napi_key = "k-123"', ["index_secret"]),
        ('[memory.pinecone]\napi_key_env = "NOT_SET"', ["index_variable"]),
    ],
)
def test_what_is_wrong_with_an_index_in_the_settings_is_told(
    tmp_path: Path, text: str, codes: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, text)
    details = cast("list[dict[str, object]]", caught.value.context["details"])
    assert [one["code"] for one in details] == [f"setting.{code}" for code in codes]
    assert "k-123" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '[memory]\nvectors = "sqlite_exact"\n[memory.sqlite_exact]\ncolour = "red"',
        '[memory]\ntext = "fts5"\n[memory.fts5]\ncolour = "red"',
        '[memory]\ntext = "postgres"',
        '[memory]\nvectors = "milvus"',
        '[memory]\ntext = "elasticsearch"\n[memory.elasticsearch]\nurl = "http://x"\ntimeout = "long"',
    ],
)
async def test_what_an_index_cannot_be_used_with_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    settings = settings_of(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        async with open_platform(settings, recover_all=False):
            raise AssertionError("it opens")
    assert caught.value.code.startswith("config.index.")
    assert [one.ok for one in await check_indexes(settings)] == [True]  # there is no memory yet
