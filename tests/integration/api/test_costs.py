"""What was spent, over HTTP and from the command line of a server."""

import asyncio
import csv
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.serving import serve
from flowmatik.app.web import words
from flowmatik.contracts.security import Principal
from tests.integration.api_apps import app_with
from tests.integration.core.ledgers import COST, WORST, Models, Place, ask, ledger_at, reply

WS = "default"
Command = Callable[..., Awaitable[int]]
Asked = Callable[..., Awaitable[httpx.Response]]


class People:
    """A credential says who somebody is: NAME@WORKSPACE; `ana` is an administrator, others read runs."""

    async def authenticate(self, credential: str) -> Principal:
        name, _, workspace = credential.partition("@")
        scopes = frozenset({"admin", "runs:read"} if name == "ana" else {"runs:read"})
        return Principal(id=name, name=name, workspace_id=workspace or WS, scopes=scopes)


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[tuple[Place, Command, Asked]]:
    async with ledger_at("sqlite", folder, "", Models()) as place:
        app = app_with(ledger=place.ledger, identity=People(), upload_dir=folder, words=words)
        async with serve(app, host="127.0.0.1", port=0) as server:

            async def command(*arguments: str) -> int:
                line = ["--url", server.url, "--api-key", "ana", *arguments]
                return await asyncio.to_thread(run_cli, line)

            async def asked(who: str, method: str, path: str, **options: Any) -> httpx.Response:
                async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:
                    headers = {"Authorization": f"Bearer {who}"}
                    return await client.request(method, f"/v1{path}", headers=headers, **options)

            yield place, command, asked


async def test_costs_are_told_by_dimensions_as_json_table_and_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as (place, command, asked):
        place.models.says(reply(), reply(None))
        await place.ended(ask("a"), ask("b", agent="scribe"), workspace=WS, tags=("-x",))
        query = {"by": ["agent", "tags"], "where": ["agent=clerk", "agent=scribe"], "limit": 1}
        first = (await asked("reader", "GET", "/costs", params=query)).json()
        second = (await asked("reader", "GET", "/costs", params={**query, "cursor": first["next"]})).json()
        groups = [*first["items"], *second["items"]]
        assert sorted((one["of"]["agent"], one["of"]["tags"]) for one in groups) == [
            ("clerk", "-x"),
            ("scribe", "-x"),
        ]
        assert [one["costs"]["spent_micros"] for one in groups] == [WORST, COST]
        assert first["total"]["spent_micros"] == COST + WORST
        assert (first["currency"], second["next"]) == ("USD", "")
        table = await asked("reader", "GET", "/costs", params={"by": "agent", "format": "csv", "limit": 1})
        heads, row = csv.reader(table.text.splitlines())
        assert (heads[0], row[0] in ("clerk", "scribe")) == ("agent", True)
        assert table.headers["X-Next-Cursor"]
        assert table.headers["Content-Type"].startswith("text/csv")
        assert await command("--json", "costs", "--by", "agent, purpose") == 0
        report = json.loads(capsys.readouterr().out)
        assert {one["of"]["purpose"] for one in report["items"]} == {"think"}
        assert await command("costs", "--by", "agent", "--since", "2020-01-01", "--where", "agent=clerk") == 0
        shown = capsys.readouterr().out
        assert "clerk" in shown
        assert "scribe" not in shown
        assert await command("--lang", "es", "costs") == 0
        assert "al peor caso" in capsys.readouterr().out
        assert await command("costs", "--csv", "--by", "run") == 0
        assert len(list(csv.reader(capsys.readouterr().out.splitlines()))) == 2


async def test_the_bookings_are_exported_checked_rebuilt_and_rid_of_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as (place, command, _):
        view = await place.ended(ask("a"), workspace=WS, principal="usr_ana")
        assert await command("ledger", "export", "--format", "jsonl") == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["run"], one["kind"]) for one in lines] == [(view.id, "reserved"), (view.id, "settled")]
        assert all(
            one["available_micros"] + one["reserved_micros"] + one["spent_micros"] == 0 for one in lines
        )
        assert await command("ledger", "export", "--until", "2020-01-01") == 0
        [heads] = csv.reader(capsys.readouterr().out.splitlines())
        assert heads[:2] == ["workspace_id", "run"]
        assert await command("ledger", "check") == 0
        bad = replace((await place.booked(view.id, WS))[1], served="nobody")
        await place.store.replace(WS, view.id, [(await place.booked(view.id, WS))[0], bad])
        capsys.readouterr()
        assert await command("ledger", "check") == 1
        assert f"{view.id} call_1" in capsys.readouterr().out
        assert await command("--json", "ledger", "rebuild") == 0
        assert json.loads(capsys.readouterr().out) == {"runs": 1, "changed": 1, "bookings": 2}
        assert await command("ledger", "check") == 0
        assert await command("ledger", "forget-user", "usr_ana") == 0
        capsys.readouterr()
        assert await command("--json", "costs", "--by", "user") == 0
        [one] = json.loads(capsys.readouterr().out)["items"]
        assert one["of"]["user"].startswith("erased_")


async def test_who_may_not_and_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (place, command, asked):
        await place.ended(ask("a"), workspace=WS)
        for method, path in (
            ("GET", "/ledger"), ("GET", "/ledger/check"), ("POST", "/ledger/rebuild"),
            ("POST", "/ledger/forget-user"),
        ):  # fmt: skip
            assert (await asked("reader", method, path, json={"user": "u"})).status_code == 403
        elsewhere = (await asked("ana@elsewhere", "GET", "/costs", params={"by": "agent"})).json()
        assert (elsewhere["items"], elsewhere["total"]["calls"]) == ([], 0)
        assert (await asked("ana@elsewhere", "GET", "/ledger")).json()["items"] == []
        for params in ({"by": "colour"}, {"where": "agent"}, {"since": "now"}, {"limit": 0}, {"colour": 1}):
            assert (await asked("ana", "GET", "/costs", params=params)).status_code == 422
        assert (await asked("ana", "POST", "/ledger/forget-user", json={})).status_code == 422
        assert await command("costs", "--by", "colour") == 2
        assert await command("costs", "--where", "agent") == 2
