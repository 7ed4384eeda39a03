"""The record of bulk operations over HTTP, and from the command line of a server."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.serving import serve
from flowmatik.app.web import words
from flowmatik.core.bulk_audit import AuditedBulk, BulkRecords
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.integration.api.test_control import People
from tests.integration.api_apps import app_with
from tests.unit.core.engines import running_engine


async def test_operations_are_listed_and_shown_to_those_who_may_read_runs_of_the_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await upgrade(tmp_path / "journal.db")
    store = SqliteStore(tmp_path / "journal.db")
    records = BulkRecords(SqliteDatabase(store), SystemClock())
    async with running_engine() as engine:
        app = app_with(
            runs=engine.runs,
            bulk=AuditedBulk(engine.bulk, records),
            bulk_audit=records,
            identity=People(),
            upload_dir=tmp_path,
            words=words,
        )
        async with serve(app, host="127.0.0.1", port=0) as server:

            async def command(*arguments: str) -> int:
                line = ["--url", server.url, "--api-key", "ana", *arguments]
                return await asyncio.to_thread(run_cli, line)

            async def told(who: str, path: str) -> httpx.Response:
                async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:
                    headers = {"Authorization": f"Bearer {who}"}
                    return await client.get(f"/v1/bulk-operations{path}", headers=headers)

            for name in ("one", "two"):
                asked = ("runs", "bulk", "cancel", "--tag", "x", "--yes", "--request", name)
                assert await command(*asked) == 0
            assert await command("runs", "bulk", "pause", "--tag", "x", "--yes", "--request", "one") == 1
            capsys.readouterr()
            assert await command("--json", "bulk", "list", "--limit", "1") == 0
            page = json.loads(capsys.readouterr().out)
            assert [one["request_id"] for one in page["items"]] == ["two"]
            assert await command("--json", "bulk", "list", "--cursor", page["next"]) == 0
            rest = json.loads(capsys.readouterr().out)
            assert ([one["request_id"] for one in rest["items"]], rest["next"]) == (["one"], None)
            assert await command("bulk", "show", "one") == 0
            assert "cancel" in capsys.readouterr().out
            assert await command("bulk", "show", "three") == 3
            seen = (await told("reader", "/one")).json()
            assert (seen["asked"], seen["by"]) == ({"filter": {"tags": ["x"]}}, "ana")
            elsewhere = await told("eve@elsewhere", "")
            assert elsewhere.json()["items"] == []
            assert (await told("eve@elsewhere", "/one")).status_code == 404
            assert (await told("reader", "?limit=0")).status_code == 422
    await store.close()
