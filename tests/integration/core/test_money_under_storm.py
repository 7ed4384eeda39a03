"""Thousands of paid calls at once, from processes that are killed: caps hold at every moment, the ledger
balances to the micro-dollar with journal and caps, and no call is refused while its worst case still fits.

FLOWMATIK_PAID_CALLS says how many calls (`just money`: ten thousand), FLOWMATIK_SEED which.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.ledger import Bookkeeper, LedgerStore, StoredLedger
from flowmatik.core.outside import OutsideBooks, OutsideStore
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from tests.integration.core.paying.member import BUDGET, POOR, RICH, WORST, Place
from tests.integration.core.paying.watcher import Watcher
from tests.integration.core.paying.witness import BROKEN

CALLS = int(os.environ.get("FLOWMATIK_PAID_CALLS", "1500"))
SEED = int(os.environ.get("FLOWMATIK_SEED", "0")) or random.randrange(1, 1_000_000)
PROCESSES = 4
MOST_SECONDS = 120.0 + CALLS / 25
LEFT = "SELECT (SELECT count(*) FROM runs WHERE ended_at = '') + (SELECT count(*) FROM holders)"
REFUSED = "SELECT run_id, seq, payload FROM run_events WHERE type = 'CallRefused'"
OUTSIDE = "SELECT workspace_id, sum(spent_micros)::bigint FROM outside_calls GROUP BY workspace_id"
COST_BEFORE = """
SELECT payload FROM run_events WHERE run_id = $1 AND seq < $2 AND type IN ('CallSucceeded', 'CallFailed')
"""


@dataclass(slots=True, kw_only=True)
class Payers:
    """The processes, and a connection for looking."""

    place: Place
    folder: Path
    journal: PostgresJournal
    ledger: StoredLedger
    connection: Any
    chance: random.Random
    processes: list[Process] = field(default_factory=lambda: [])
    begun: int = 0
    enough: bool = False

    async def begin(self) -> None:
        self.begun += 1
        place = replace(self.place, name=f"p{self.begun}")
        path = self.folder / f"{place.name}.log"
        module = "tests.integration.core.paying.member"
        with path.open("wb") as log:
            process = await create_subprocess_exec(
                sys.executable, "-m", module, json.dumps(asdict(place)), stdout=PIPE, stderr=log
            )
        self.processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(120):
            owner = await process.stdout.readline()
        assert owner, path.read_text(encoding="utf-8")[-3000:]
        if self.enough:
            process.send_signal(signal.SIGUSR1)

    async def kill(self) -> None:
        victim = self.chance.choice(self.processes)
        self.processes.remove(victim)
        victim.send_signal(signal.SIGKILL)
        await victim.wait()

    def stop_feeding(self) -> None:
        self.enough = True
        for process in self.processes:
            process.send_signal(signal.SIGUSR1)

    async def end(self) -> None:
        ending, self.processes = self.processes, []
        for process in ending:
            process.send_signal(signal.SIGTERM)
        for process in ending:
            try:
                async with asyncio.timeout(60):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def left(self) -> int:
        return await self.connection.fetchval(LEFT)

    def notes(self) -> dict[str, dict[str, Any]]:
        """What was noted when a run was refused a call, by run."""
        path = Path(self.place.refusals)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return {note["run"]: note for note in map(json.loads, lines)}


@asynccontextmanager
async def payers(dsn: str, folder: Path, *, processes: int, broken: str = "") -> AsyncGenerator[Payers]:
    pool = await open_pool(dsn, role="flowmatik_engine", max_size=2)
    connection = await connect_once(dsn)
    database, clock = PostgresDatabase(pool), SystemClock()
    journal, store = PostgresJournal(database, clock), LedgerStore(database)
    outside = OutsideBooks(journal, OutsideStore(database), store, clock)
    at = Payers(
        place=Place(dsn=dsn, seed=SEED, refusals=str(folder / "refusals"), broken=broken),
        folder=folder,
        journal=journal,
        ledger=StoredLedger(journal, store, Bookkeeper(journal, store, clock), outside),
        connection=connection,
        chance=random.Random(SEED),
    )
    try:
        await asyncio.gather(*(at.begin() for _ in range(processes)))
        yield at
    finally:
        await at.end()
        connection.terminate()
        await journal.close()
        await pool.close()


async def set_caps(dsn: str, calls: int) -> None:
    """Of the rich workspace nobody will miss any; what the poor one has does for a part of its calls."""
    pool = await open_pool(dsn, role="flowmatik_engine", max_size=1)
    journal = PostgresJournal(PostgresDatabase(pool), SystemClock())
    for workspace, micros in ((RICH, calls * WORST * 10), (POOR, calls * WORST // 25)):
        for scope, part in (("workspace", 1.0), ("agent:clerk", 0.6), ("agent:scribe", 0.5), ("month", 0.9)):
            await journal.set_cap(workspace, scope, int(micros * part))
    await journal.close()
    await pool.close()


async def rest(at: Payers, patience: float) -> None:
    until = time.monotonic() + patience
    while left := await at.left():
        assert time.monotonic() < until, f"{left} runs wait for money, or keep it at rest"
        await asyncio.sleep(0.2)


async def storm(at: Payers, watcher: Watcher, calls: int, *, kills: bool, patience: float) -> None:
    """Until so many calls were made, every run has ended and gave back what it did not need."""
    began, last = time.monotonic(), time.monotonic()
    async with asyncio.timeout(MOST_SECONDS):
        while watcher.calls < calls:
            await asyncio.sleep(0.2)
            if kills and time.monotonic() - last > at.chance.uniform(3.0, 6.0):
                await at.kill()
                await at.begin()
                last = time.monotonic()
        at.stop_feeding()
        made = time.monotonic()
        await rest(at, patience)
    print(f"{watcher.calls} calls in {made - began:.1f} s, at rest {time.monotonic() - made:.1f} s later")


async def watched(at: Payers, calls: int, *, kills: bool = False, patience: float = 120) -> Watcher:
    """AssertionError as soon as the watcher sees a wrong amount."""
    watcher, over = Watcher(at.place.dsn), asyncio.Event()
    watching = asyncio.create_task(watcher.watch(over))
    storming = asyncio.create_task(storm(at, watcher, calls, kills=kills, patience=patience))
    await asyncio.wait({watching, storming}, return_when=asyncio.FIRST_COMPLETED)
    over.set()
    if watching.done():
        storming.cancel()
    try:
        await watching
        await storming
    finally:
        await asyncio.gather(storming, return_exceptions=True)
    return watcher


async def check_refusals(at: Payers) -> Counter[str]:
    """No call was refused that would have fitted beside what had been spent at that moment."""
    notes, found = at.notes(), Counter[str]()
    for run, seq, payload in await at.connection.fetch(REFUSED):
        values = canonical.loads(payload)["values"]
        worst = round(values["price_usd"] * 1_000_000)
        rows = await at.connection.fetch(COST_BEFORE, run, seq)
        own = sum(canonical.loads(row[0])["cost_micros"] for row in rows)
        if "cap_usd" in values:  # the run's own budget
            assert own + worst > BUDGET, f"{run} was refused {worst} with {own} of {BUDGET} spent"
            found["budget"] += 1
            continue
        for scope in values["caps"].split(", "):
            spent = own + notes[run]["spent"].get(scope, notes[run]["spent"][""])
            limit = notes[run]["limits"][scope]
            said = f"{run} was refused {worst} with {spent} of {limit} of {scope} spent"
            assert spent + worst > limit, said
            found[scope.partition(":")[0]] += 1
    return found


async def test_caps_hold_the_ledger_balances_and_nothing_that_fits_is_refused(
    pg_migrated: str, tmp_path: Path
) -> None:
    print(f"FLOWMATIK_SEED={SEED} FLOWMATIK_PAID_CALLS={CALLS}")
    await set_caps(pg_migrated, CALLS)
    async with payers(pg_migrated, tmp_path, processes=PROCESSES) as at:
        watcher = await watched(at, CALLS, kills=True)
        await at.end()
        refused = await check_refusals(at)
        print(f"{watcher.looks} looks, {at.begun} processes, refused {dict(refused)}")
        assert watcher.calls >= CALLS
        await check_books(at, watcher)
        assert {"budget", "workspace"} & refused.keys(), "nothing was ever refused"


async def check_books(at: Payers, watcher: Watcher) -> None:
    """Journal, caps and ledger agree on every amount."""
    assert watcher.open == 0
    outside = dict(await at.connection.fetch(OUTSIDE))
    assert outside[RICH] > 0
    bound = {
        (workspace, scope): watcher.bound[workspace, scope]
        + (0 if scope.startswith("agent:") else outside.get(workspace, 0))
        for workspace, scope in watcher.granted
    }
    assert {scope: micros for scope, micros in watcher.granted.items() if scope[1] != "month"} == {
        scope: micros for scope, micros in bound.items() if scope[1] != "month"
    }
    for workspace in (RICH, POOR):
        check = await at.ledger.check(workspace)
        assert check.differences == ()
        spent = bound[workspace, "workspace"]
        assert (check.spent_micros, check.reserved_micros) == (spent, 0)


async def all_is_well(at: Payers, calls: int) -> None:
    """As far as a small storm can show."""
    watcher = await watched(at, calls, patience=8)
    await at.end()
    await check_refusals(at)
    await check_books(at, watcher)


@pytest.mark.parametrize("how", sorted(BROKEN))
async def test_wrong_money_is_seen(pg_migrated: str, tmp_path: Path, how: str) -> None:
    await set_caps(pg_migrated, 200)
    async with payers(pg_migrated, tmp_path, processes=1, broken=how) as at:
        with pytest.raises(AssertionError) as seen:
            await all_is_well(at, 200)
        print(how, seen.value)
