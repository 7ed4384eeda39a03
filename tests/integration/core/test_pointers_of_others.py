"""A run whose pointers another process is relaying at this moment is left to it, whole."""

import asyncio

from flowmatik.stores.postgres import connect_once
from tests.contracts.journal.stores import event, owned, postgres_store


async def test_no_later_pointer_is_relayed_before_the_first_one_of_its_run(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated) as store:
        journal = store.journal
        await journal.register_subscriber("audit", ordered=True)
        run = await owned(journal, "run_1")
        await owned(journal, "run_2")
        await run.append(run.next(event()))
        other = await connect_once(pg_migrated)
        try:
            async with other.transaction():
                await other.execute("SELECT * FROM outbox WHERE run_id = 'run_1' AND from_seq = 1 FOR UPDATE")
                spans = await asyncio.wait_for(journal.fall_behind(10), 2)
            assert [one.run_id for one in spans] == ["run_2"]
            assert [(one.run_id, one.to_seq) for one in await journal.fall_behind(10)] == [("run_1", 3)]
        finally:
            await other.close()
        assert {(one.run_id, one.seq) for one in await journal.behind("audit", 10)} == {
            ("run_1", 0),
            ("run_2", 0),
        }
