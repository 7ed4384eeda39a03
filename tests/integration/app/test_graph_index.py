"""The graph index from the settings on: followed, asked, told of, done without."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flowmatik.app.cli import memory, memory_graph, memory_indexes
from flowmatik.app.cli.session import Session
from flowmatik.app.doctor_indexes import check_indexes
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import Settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.indexes import Filter
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.testing.app_server import served
from flowmatik.testing.neo4j_server import Neo4jServer
from tests.integration.app.test_memory_care import of_home
from tests.integration.app.test_outside_indexes import followed, settings_of
from tests.unit.app.samples import written

CHOSEN = """[embeddings]
enabled = false
[memory]
graph = "neo4j"
[memory.neo4j]
url = "URL"
password_env = "GRAPH_KEY"
"""
KEY = "k-123"
ALL = Filter()


def chosen(home: Path, url: str) -> Settings:
    return settings_of(home, CHOSEN.replace("URL", url), GRAPH_KEY=KEY)


def spoken_of(settings: Settings, *, as_json: bool) -> Session:
    return replace(of_home(settings, as_json=as_json), environment={"GRAPH_KEY": KEY})


async def take(platform: Platform, folder: Path) -> None:
    (folder / "a.md").write_text("# First\n\nIt is known that «Red Kite» and «Blue Whale» met.")
    assert [step.outcome async for step in platform.memory.ingest("default", [folder])] == ["added"]


async def test_the_projection_is_filled_by_itself_and_asked(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Neo4jServer(password=KEY)
    async with served(server.app()) as url:
        settings = chosen(tmp_path, url)
        assert KEY not in repr(settings)
        async with (
            open_platform(settings, recover_all=True) as platform,
            serve_platform(platform, host="127.0.0.1", port=0) as serving,
        ):
            await take(platform, tmp_path_factory.mktemp("own"))
            await followed(platform)
            remote = RemoteBackend(serving.url, await asyncio.to_thread(read_local_token, settings))
            (state,) = await remote.memory_indexes.states("")
            assert (state.leg, state.index, state.indexed) == ("graph", "neo4j", 1)
            assert await remote.memory_indexes.rebuild("") == [state]
            near = await remote.memory_graph.near("", "Red Kite", where=ALL)
            assert near == await platform.memory_graph.near("default", "Red Kite", where=ALL)
            assert ({one.entity for one in near.items}, near.notices) == ({"blue whale", "first"}, ())
            await remote.close()
        assert [one.ok for one in await check_indexes(settings)] == [True]
        spoken = spoken_of(settings, as_json=False)
        assert await memory_indexes.rebuild_indexes(spoken) == 0
        assert "Index for the graph: neo4j" in written(spoken.out)


async def test_without_it_memorys_own_tables_answer_and_everywhere_it_is_told(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = chosen(tmp_path, "http://127.0.0.1:9")
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as serving,
    ):
        await take(platform, tmp_path_factory.mktemp("own"))
        remote = RemoteBackend(serving.url, await asyncio.to_thread(read_local_token, settings))
        way = await remote.memory_graph.path("", "red kite", "blue whale", where=ALL)
        assert (len(way.items), [one.code for one in way.notices]) == (1, ["graph.away"])
        await remote.close()
    assert [one.ok for one in await check_indexes(settings)] == [False]
    assert await memory_graph.show_near(spoken_of(settings, as_json=True), "red kite", 1, 50, ALL) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["values"]["index"] for one in told["notices"]] == ["neo4j"]
    spoken = spoken_of(settings, as_json=False)
    assert await memory_graph.show_path(spoken, "red kite", "blue whale", ALL) == 0
    assert "memory's own tables" in written(spoken.err) + written(spoken.out)
    assert await memory.show_status(spoken_of(settings, as_json=True)) == 0
    assert json.loads(capsys.readouterr().out)["indexes"][0]["fault"] == "unavailable.index"


@pytest.mark.parametrize(
    "text",
    [
        '[memory]\ngraph = "sql"',
        '[memory]\ngraph = "fts5"',
        '[memory]\ngraph = "neo4j"\n[memory.neo4j]\nurl = "https://x"\npassword = "k-123"',
    ],
)
def test_what_is_no_graph_index_and_a_password_in_the_file_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, text)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("more", ["", '[memory.neo4j]\nurl = "http://elsewhere:7474"\npassword_env = "K"'])
async def test_a_graph_index_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, more: str) -> None:
    settings = settings_of(tmp_path, '[memory]\ngraph = "neo4j"\n' + more, K="x")
    with pytest.raises(ConfigurationError) as caught:
        async with open_platform(settings, recover_all=False):
            raise AssertionError("it opens")
    assert caught.value.code.startswith("config.index.")
