"""A claim that had to wait for the head row brings also what went down while it waited."""

import asyncio
from typing import Any

import pytest

from flowmatik.core.journal.port import Snapshot
from flowmatik.stores.postgres import connect_once
from tests.contracts.journal.stores import event, owned, postgres_store
from tests.unit.core.engines import eventually

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.mark.parametrize("version", ["", "v1"])
async def test_a_claim_that_waited_misses_no_event(pg_migrated: str, version: str) -> None:
    async with postgres_store(pg_migrated) as store:
        owner = await owned(store.journal, "run_1")
        await owner.append(owner.next(event(), event()))
        await store.journal.save_snapshot("run_1", Snapshot(seq=3, fold_version="v1", body="{}"))
        await store.journal.retire_worker("wkr_a")
        await store.journal.register_worker("wkr_b", ttl_seconds=60)
        writing: Any = await connect_once(pg_migrated)
        watching: Any = await connect_once(pg_migrated)
        try:
            async with writing.transaction():  # an append of the dead owner that has not committed yet
                await writing.execute("UPDATE runs SET head_seq = 5 WHERE run_id = 'run_1'")
                await writing.execute(
                    "INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at)"
                    " VALUES ('run_1', 5, 'default', 'Late', '{}', '2026')"
                )
                claiming = asyncio.create_task(store.journal.claim("run_1", "wkr_b", fold_version=version))
                await eventually(lambda: watching.fetchval(WAITING))
            claim = await claiming
        finally:
            await writing.close()
            await watching.close()
        assert claim is not None
        assert claim.head.head_seq == 6
        assert [one.seq for one in claim.events] == list(range(4 if version else 1, 7))
        assert [one.type for one in claim.events][-2:] == ["Late", "RunClaimed"]
