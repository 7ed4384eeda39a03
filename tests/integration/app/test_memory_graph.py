"""How what documents speak of hangs together: asked from the command line, at home and through a server, by
whoever may see the documents."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.memory import DocumentLabels

WAY = [("red kite", "blue whale"), ("blue whale", "grey wolf")]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# First\n\nIt is known that «Red Kite» and «Blue Whale» met.")
    (notes / "e.md").write_text("# Fifth\n\nas in [one](f.md), [the same](f.md).")
    (notes / "f.md").write_text("# Sixth\n\nwithout more.")
    (notes / "b.md").write_text("# Second\n\nIt is known that «Blue Whale» and «Grey Wolf» met.")
    (notes / "c.md").write_text("# Third\n\nIt is known that «Grey Wolf» and «Dark Moth» met.")
    (notes / "d.md").write_text("# Fourth\n\nIt is known that «First» and «Red Kite» met.")
    settings = load_settings(tmp_path, {})
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        for name, acl in (
            *(("a", ()), ("b", ()), ("d", ()), ("e", ()), ("f", ())),
            ("c", ("user:somebody",)),
        ):
            async for _ in platform.memory.ingest(
                "default", [notes / f"{name}.md"], labels=DocumentLabels(acl=acl, tags=(name,))
            ):
                pass
        yield server.url, await asyncio.to_thread(read_local_token, settings)


async def test_through_a_server_it_is_as_on_the_home(
    served: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, key = served

    async def command(*words: str, place: tuple[str, ...]) -> tuple[int, Any]:
        capsys.readouterr()
        line = [*place, "--json", "--lang", "en", "memory", *words]
        code = await asyncio.to_thread(run_cli, line)
        said = capsys.readouterr()
        return code, json.loads((said.out or said.err).splitlines()[-1])

    for place in (("--url", url, "--api-key", key), ("--home", str(tmp_path))):
        code, found = await command("entities", "path", "Red Kite", "Grey Wolf", place=place)
        assert code == 0
        assert [(one["origin"], one["entity"]) for one in found["items"]] == WAY
        assert [one["evidence"]["source"] for one in found["items"]] == ["a.md", "b.md"]
        _, near = await command("entities", "near", "red kite", "--hops", "2", place=place)
        assert {one["entity"]: one["hops"] for one in near["items"]} == {
            "blue whale": 1, "first": 1, "fourth": 1, "grey wolf": 2, "second": 2
        }  # fmt: skip
        _, near = await command("entities", "near", "sixth", place=place)
        assert [
            (one["relation"], one["entity"], one["weight"], one["evidence"]["source"])
            for one in near["items"]
        ] == [("linked_from", "fifth", 2, "e.md")]
        _, shown = await command("entities", "show", "sixth", place=place)
        (link,) = shown["relations"]
        assert (link["subject"], link["relation"], link["object"], link["weight"]) == (
            "fifth",
            "links_to",
            "sixth",
            2,
        )
        assert [(one["source"], one["lines"]) for one in link["passages"]] == [("e.md", [3, 3])]
        _, none = await command("entities", "path", "red kite", "grey wolf", "--tag", "a", place=place)
        assert "not_found.entity_linked" in json.dumps(none)
        code, fault = await command("entities", "near", "red kite", "--since", "yesterday", place=place)
        assert (code != 0, "input.dated" in json.dumps(fault)) == (True, True)
        code, groups = await command("communities", "--limit", "5", place=place)
        (one,) = groups["items"]
        assert (code, one["passages"], one["documents"]) == (0, 2, 2)
        assert {each["entity"] for each in one["entities"]} == {"first", "red kite", "fourth"}
        assert {said["evidence"]["source"] for said in one["summary"]} == {"d.md"}
        code, groups = await command("communities", "--source", "a.md", place=place)
        assert (code, groups["items"]) == (0, [])
        assert (await command("communities", "--since", "yesterday", place=place))[0] != 0
    spoken = ["--url", url, "--api-key", key, "--lang", "es", "memory", "entities"]
    capsys.readouterr()
    assert await asyncio.to_thread(run_cli, [*spoken, "path", "red kite", "grey wolf"]) == 0
    assert "blue whale – grey wolf  (1 pasaje: b.md" in capsys.readouterr().out
    for words, told in (
        (("near", "fifth"), "1  fifth – enlaza a → sixth  (2 enlaces: e.md, línea 3)"),
        (("show", "sixth"), "  sixth – enlazado desde ← fifth  (2 enlaces: e.md, línea 3)"),
    ):
        assert await asyncio.to_thread(run_cli, [*spoken, *words]) == 0
        assert told in capsys.readouterr().out
    assert await asyncio.to_thread(run_cli, [*spoken[:-1], "communities"]) == 0
    assert "«It is known that «First» and «Red Kite» met.» d.md" in capsys.readouterr().out


async def test_strangers_and_bad_requests_are_refused_and_nothing_hidden_is_told(
    served: tuple[str, str],
) -> None:
    url, key = served
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        hidden = await client.get("/v1/memory/graph/near", params={"entity": "dark moth"})
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found.entity_linked")
        near = await client.get("/v1/memory/graph/near", params={"entity": "grey wolf", "hops": 3})
        assert "dark moth" not in near.text
        groups = await client.get("/v1/memory/communities")
        assert (groups.status_code, "dark moth" in groups.text) == (200, False)
        for asked in ("limit=0", "limit=101", "limit=x", "since=y", "more=1"):
            assert (await client.get(f"/v1/memory/communities?{asked}")).status_code == 422, asked
        for asked in (
            "near?entity=x&hops=4",
            "near",
            "near?entity=x&more=1",
            "near?entity=x&since=y",
            "path",
        ):
            assert (await client.get(f"/v1/memory/graph/{asked}")).status_code == 422, asked
    async with httpx.AsyncClient(base_url=url) as nobody:
        assert (await nobody.get("/v1/memory/graph/near?entity=x")).status_code == 401
        assert (await nobody.get("/v1/memory/communities")).status_code == 401
