"""Entities are put right from the command line and through a server, by administrators."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.gazetteer_file import entries_in
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.memory_entities import GazetteerEntry
from flowmatik.kernel.errors import Conflict, InvalidInput

PUMP = GazetteerEntry(name="Bomba", aliases=("hydraulic pump", "pump X"), kind="product")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# Notes\n\nThe report by Zurbano Logistics was late; Grupo Zurbano paid.")
    settings = load_settings(tmp_path, {})
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        async for _ in platform.memory.ingest("default", [notes]):
            pass
        yield server.url, await asyncio.to_thread(read_local_token, settings)


async def test_through_a_server_it_is_as_on_the_home(
    served: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, key = served

    async def command(*words: str) -> tuple[int, Any]:
        line = ["--url", url, "--api-key", key, "--json", "--lang", "en", "memory", "entities", *words]
        capsys.readouterr()
        code = await asyncio.to_thread(run_cli, line)
        said = capsys.readouterr()
        return code, json.loads((said.out or said.err).splitlines()[-1])

    code, one = await command("merge", "Grupo Zurbano", "Zurbano Logistics")
    assert (code, one["key"], one["merged"]) == (0, "zurbano logistics", ["grupo zurbano"])
    assert (await command("show", "grupo zurbano"))[1]["documents"] == ["a.md"]
    _, listed = await command("list", "--text", "zurbano")
    assert [(row["key"], row["mentions"]) for row in listed["items"]] == [("zurbano logistics", 2)]
    _, first = await command("list", "--limit", "1")
    assert (first["items"][0]["name"], first["items"][0]["mentions"]) == ("Zurbano Logistics", 2)
    _, rest = await command("list", "--cursor", first["next"])
    assert ([row["name"] for row in rest["items"]], rest["next"]) == (["Notes"], None)
    _, end = await command("list", "--cursor", "0:zz")
    assert (end["items"], end["next"]) == ([], None)
    code, fault = await command("list", "--kind", "person")
    assert (code, "input.entity_kind" in json.dumps(fault)) == (2, True)
    code, fault = await command("merge", "nobody", "zurbano logistics")
    assert (code != 0, "not_found.entity" in json.dumps(fault)) == (True, True)
    assert (await command("split", "grupo zurbano"))[1]["mentions"] == 1
    spoken = ["--url", url, "--api-key", key, "--lang", "es", "memory", "entities"]
    capsys.readouterr()
    assert await asyncio.to_thread(run_cli, [*spoken, "show", "grupo zurbano"]) == 0
    assert "grupo zurbano: se nombra 1 vez" in capsys.readouterr().out
    assert await asyncio.to_thread(run_cli, [*spoken, "list", "--limit", "1"]) == 0
    told = capsys.readouterr()
    assert "Grupo Zurbano" in told.out
    assert "flowmatik memory entities list --cursor '1:" in told.err
    assert await asyncio.to_thread(run_cli, [*spoken, "list", "--cursor", "0:zz"]) == 0
    assert "No hay más entidades" in capsys.readouterr().err
    names = tmp_path / "names.csv"
    names.write_text("name,aliases,kind\nBomba,hydraulic pump; pump X,product\n", encoding="utf-8")
    assert (await command("names", str(names)))[1] == {"names": 1}
    assert (await command("names"))[1]["names"][0]["kind"] == "product"
    remote = RemoteBackend(url, key)
    assert list(await remote.memory_entities.gazetteer("")) == [PUMP]
    with pytest.raises(Conflict):
        await remote.memory_entities.split("", "grupo zurbano")
    await remote.close()


async def test_bad_requests_and_strangers_are_refused(served: tuple[str, str]) -> None:
    url, key = served
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        for method, path, body in (
            ("POST", "merge", {"entity": "a"}),
            ("POST", "merge", {"entity": "a", "into": "b", "more": 1}),
            ("POST", "split", {"entity": ""}),
        ):
            assert (await client.request(method, f"/v1/memory/entities/{path}", json=body)).status_code == 422
        doubled = {"names": [{"name": "Pump"}, {"name": "the pump"}]}
        refused = await client.put("/v1/memory/gazetteer", json=doubled)
        assert (refused.status_code, refused.json()["code"]) == (422, "input.gazetteer")
    async with httpx.AsyncClient(base_url=url) as nobody:
        assert (await nobody.get("/v1/memory/gazetteer")).status_code == 401


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "nombre\nBomba\n"),
        ("a.csv", "name,aliases,kind\nBomba\n"),
        ("a.csv", "name,kind\nBomba,product,more\n"),
        ("a.csv", 'name\n"Bomba\n'),
        ("a.json", "{}"),
        ("a.json", "[1]"),
        ("a.json", '[{"name": "a", "aliases": "b"}]'),
        ("a.json", '[{"name": "a", "color": "b"}]'),
        ("a.json", "["),
    ],
)
def test_a_file_that_is_no_list_of_names_says_why(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        entries_in(file)
    assert (caught.value.code, caught.value.context["file"]) == ("input.gazetteer_file", name)


def test_both_forms_of_a_list_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps([{"name": "Bomba", "aliases": ["hydraulic pump", "pump X"], "kind": "product"}])
    )
    (tmp_path / "a.csv").write_text("name,aliases,kind\nBomba,hydraulic pump;pump X,product\n")
    assert entries_in(tmp_path / "a.json") == entries_in(tmp_path / "a.csv") == [PUMP]
