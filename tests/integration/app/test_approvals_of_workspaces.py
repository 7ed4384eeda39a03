"""On PostgreSQL a workspace's approvals are kept from the others by the database itself."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.approvals import ApprovalPolicy, Verdict
from flowmatik.contracts.database import Row
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.journal.postgres import PostgresReads
from flowmatik.kernel.errors import NotFound
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.integration.app.clerks import permit

STEP = PlanTask(
    id="s", objective="", tool="memory_search", arguments={"query": "x"}, approval=ApprovalPolicy()
)


class Forgetful(PostgresReads):
    """Its queries do not ask for a workspace."""

    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        self._sql = {**self._sql, query: self._sql[query].replace("workspace_id = $1 AND", "$1 <> '' AND")}
        return await super()._fetch(query, *params)


async def test_another_workspace_s_approvals_are_not_there_and_the_api_s_role_decides_none(
    pg_migrated: str, tmp_path: Path
) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    settings = load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": pg_migrated})
    async with open_platform(settings, recover_all=True) as platform:
        runs: dict[str, str] = {}
        for workspace_id in ("default", "b"):
            await permit(platform, workspace_id, "memory_search")
            runs[workspace_id] = await platform.runs.create(workspace_id, NewRun(goal="g", plan=(STEP,)))
            await asyncio.wait_for(platform.runs.wait(workspace_id, runs[workspace_id]), 120)
        (ours,) = (await platform.approvals.list("default")).items
        (theirs,) = (await platform.approvals.list("b")).items
        assert (ours.run_id, theirs.run_id) == (runs["default"], runs["b"])
        verdict = Verdict(decision="approve", arguments_hash=theirs.arguments_hash)
        with pytest.raises(NotFound):
            await platform.approvals.decide("default", theirs.id, verdict, by=platform.principal)
        api = await open_pool(pg_migrated, role="flowmatik_api", max_size=1)
        try:
            seen = Forgetful(PostgresDatabase(api).within("b"))
            found = await seen.approvals("default", status="pending", after=None, limit=10)
            assert [row.approval_id for row in found] == [theirs.id]
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await PostgresDatabase(api).within("b").fetch("UPDATE approvals SET status = 'approved'")
        finally:
            await api.close()
        await platform.approvals.decide("b", theirs.id, verdict, by=platform.principal)
        async with asyncio.timeout(120):
            while (view := await platform.runs.wait("b", theirs.run_id)).status is RunStatus.WAITING:
                pass
        assert view.status is RunStatus.SUCCEEDED
        assert (await platform.approvals.get("default", ours.id)).status == "pending"
