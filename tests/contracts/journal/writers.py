"""Writers that contend for the same runs, each with what it believes of them, right or stale; and what each
was told when."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Barrier

from flowmatik.core.journal.port import Append, Appended, Journal, StoredEvent
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Fenced
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.contracts.journal.stores import creation, event

OWNER = "wkr_shared"  # its claims fence one another off
WS = "default"
KINDS = ("append", "append", "append", "append", "stale seq", "future seq", "stale epoch", "elsewhere",
         "park", "again", "claim", "post", "post", "post the same")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """Something that was asked for between two moments of a clock which all processes share. `told` is None
    where it was refused."""

    kind: str
    run_id: str
    name: str
    began: float
    ended: float
    told: Appended | int | bool | None
    epoch: int = 0
    seq: int = 0
    workspace: str = WS
    seen: int | None = None
    events: int = 0


@dataclass(slots=True)
class Belief:
    epoch: int = 0
    seq: int = 1
    tail: int = 0
    last: Append | None = None  # acknowledged, and nothing since


BEGIN_SECONDS = 60.0


class Writer:
    def __init__(self, journal: Journal, name: str, runs: Sequence[str], seed: str) -> None:
        self._journal = journal
        self._name = name
        self._beliefs = {run_id: Belief() for run_id in runs}
        self._chance = random.Random(f"{seed} {name}")
        self._count = 0
        self.ops: list[Op] = []

    async def write(self, times: int) -> list[Op]:
        for _ in range(times):
            run_id = self._chance.choice(list(self._beliefs))
            await self._do(self._chance.choice(KINDS), run_id)
            if self._chance.random() < 0.3:
                await asyncio.sleep(self._chance.uniform(0.0, 0.002))
        return self.ops

    async def _do(self, kind: str, run_id: str) -> None:
        belief = self._beliefs[run_id]
        if kind == "claim":
            await self._claim(run_id, belief)
        elif kind.startswith("post"):
            await self._post(run_id, "same" if kind == "post the same" else self._next())
        elif kind != "again":
            await self._append(self._wanted(kind, run_id, belief), belief)
        elif belief.last is not None:
            await self._append(belief.last, belief, kind="again")

    def _next(self) -> str:
        self._count += 1
        return f"{self._name}/{self._count}"

    def _wanted(self, kind: str, run_id: str, belief: Belief) -> Append:
        name = self._next()
        parts = self._chance.randint(1, 3)
        wanted = Append(
            run_id=run_id,
            workspace_id=WS,
            epoch=belief.epoch,
            expected_seq=belief.seq,
            append_id=name,
            events=tuple(event("Noted", canonical.dumps({"op": name, "part": n})) for n in range(parts)),
        )
        if kind == "stale seq":
            return replace(wanted, expected_seq=max(belief.seq - self._chance.randint(1, 3), 0))
        if kind == "future seq":
            return replace(wanted, expected_seq=belief.seq + self._chance.randint(1, 3))
        if kind == "stale epoch":
            return replace(wanted, epoch=belief.epoch + self._chance.choice([-1, 1]))
        if kind == "elsewhere":
            return replace(wanted, workspace_id="other")
        return replace(wanted, park_if_seen=belief.tail) if kind == "park" else wanted

    async def _append(self, wanted: Append, belief: Belief, kind: str = "append") -> None:
        began = time.monotonic()
        try:
            told = await self._journal.append(wanted)
        except Fenced:
            told = None
        self.ops.append(
            Op(
                kind=kind,
                run_id=wanted.run_id,
                name=wanted.append_id,
                began=began,
                ended=time.monotonic(),
                told=told,
                epoch=wanted.epoch,
                seq=wanted.expected_seq,
                workspace=wanted.workspace_id,
                seen=wanted.park_if_seen,
                events=len(wanted.events),
            )
        )
        if told is not None:
            belief.epoch, belief.seq, belief.tail = wanted.epoch, told.head_seq, told.inbox_tail
            belief.last = wanted
        else:
            await self._refused(wanted.run_id, belief)

    async def _refused(self, run_id: str, belief: Belief) -> None:
        """Takes the run, looks how far it has come, or goes on in its error."""
        belief.last = None
        draw = self._chance.random()
        if draw < 0.15:
            await self._claim(run_id, belief)
        elif draw < 0.75:
            head = await self._journal.head(None, run_id)
            belief.epoch, belief.seq, belief.tail = head.epoch, head.head_seq, head.inbox_tail

    async def _claim(self, run_id: str, belief: Belief) -> None:
        began = time.monotonic()
        claim = await self._journal.claim(run_id, OWNER)
        told = None if claim is None else claim.head.epoch
        seq = 0 if claim is None else claim.head.head_seq
        self.ops.append(
            Op(
                kind="claim",
                run_id=run_id,
                name=f"claim {told}",
                began=began,
                ended=time.monotonic(),
                told=told,
                seq=seq,
            )
        )
        if claim is not None:
            belief.epoch, belief.seq, belief.tail = claim.head.epoch, seq, claim.head.inbox_tail
            belief.last = None

    async def _post(self, run_id: str, input_id: str) -> None:
        began = time.monotonic()
        told = await self._journal.post(run_id, input_id, "signal", "{}")
        self.ops.append(
            Op(kind="post", run_id=run_id, name=input_id, began=began, ended=time.monotonic(), told=told)
        )


async def make(journal: Journal, runs: Sequence[str]) -> None:
    await journal.register_worker(OWNER, ttl_seconds=600)
    for run_id in runs:
        await journal.create(creation(run_id))


async def contend(
    journals: Sequence[Journal], runs: Sequence[str], names: Sequence[str], seed: str, times: int
) -> list[Op]:
    """Each writer has one of the journals; all go at once."""
    writers = [Writer(journals[n % len(journals)], name, runs, seed) for n, name in enumerate(names)]
    done = await asyncio.gather(*(writer.write(times) for writer in writers))
    return [op for ops in done for op in ops]


async def _connected(
    dsn: str, runs: Sequence[str], names: Sequence[str], seed: str, times: int, all_there: Barrier
) -> list[Op]:
    pool = await open_pool(dsn, role="flowmatik_engine", max_size=4)
    journal = PostgresJournal(PostgresDatabase(pool), SystemClock())
    try:
        await asyncio.to_thread(all_there.wait, BEGIN_SECONDS)
        return await contend([journal], runs, names, seed, times)
    finally:
        await journal.close()
        await pool.close()


def in_a_process(
    dsn: str, runs: Sequence[str], names: Sequence[str], seed: str, times: int, all_there: Barrier
) -> list[Op]:
    """Begins when every process is there."""
    return asyncio.run(_connected(dsn, runs, names, seed, times, all_there))


async def whole(journal: Journal, run_id: str) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    while more := await journal.read(run_id, after_seq=len(found)):
        found += more
    return found
