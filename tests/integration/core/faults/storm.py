"""What happens to a cluster, in the order that a seed says."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.integration.core.faults.fleet import Fleet, Member
from tests.own_redis import open_redis

LEASE_SECONDS = 3.0
STOPPED_SECONDS = 5.0
FAILOVER_SECONDS = 3.0
CUT_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """`held`: runs of the dead worker, with their epochs; `at` is the wall time of the kill."""

    owner: str
    at: float
    held: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Storm:
    """`did` says what happened when; `least` is the lowest number of runs that were on their way; `robbed`
    are workers that lost their runs and live on."""

    fleet: Fleet
    chance: random.Random
    deaths: list[Death] = field(default_factory=lambda: [])
    robbed: list[Member] = field(default_factory=lambda: [])
    did: list[str] = field(default_factory=lambda: [])
    least: int = 1_000_000
    began: float = field(default_factory=time.monotonic)

    async def blow(self) -> None:
        faults: list[Callable[[], Awaitable[None]]] = [
            self._stop,
            self._restart_postgres,
            self._fail_over,
            self._terminate,
            self._flush_redis,
            self._restart_redis,
        ]
        self.chance.shuffle(faults)
        forward, back = self.chance.sample(self._near(), 2)
        self._jump(forward, signal.SIGUSR1, 3600.0)
        self._jump(back, signal.SIGUSR2, -3600.0)
        # Alone with its consequences, for it is timed; while a worker is cut off, the others meet the rest.
        await self._happens(self._kill)
        cut = asyncio.create_task(self._cut_off())
        for fault in faults:
            await self._happens(fault)
        await cut

    async def _happens(self, fault: Callable[[], Awaitable[None]]) -> None:
        await fault()
        await self._count()
        await asyncio.sleep(self.chance.uniform(0.3, 1.0))

    def _near(self) -> list[Member]:
        return [one for one in self.fleet.workers if "away" not in one.name and not one.stopped]

    def _say(self, what: str) -> None:
        self.did.append(f"{time.monotonic() - self.began:5.1f} s {what}")

    async def _count(self) -> None:
        [(alive,)] = await self.fleet.asked("SELECT count(*)::int FROM runs WHERE ended_at = ''")
        assert isinstance(alive, int)
        self.least = min(self.least, alive)

    def _jump(self, member: Member, what: signal.Signals, seconds: float) -> None:
        member.send(what)
        self._say(f"{member.name}: clock {seconds:+g} s")

    async def _kill(self) -> None:
        member = self.chance.choice(self._near())
        await self.fleet.kill(member)
        at = time.time()
        await asyncio.sleep(0.2)  # what it had sent has gone down
        held = await self.fleet.asked(
            "SELECT run_id, epoch::int FROM runs WHERE owner = $1 AND ended_at = ''", member.owner
        )
        self.deaths.append(
            Death(owner=member.owner, at=at, held={str(one): int(str(epoch)) for one, epoch in held})
        )
        self._say(f"{member.name}: killed with {len(held)} runs")
        heir = asyncio.create_task(self.fleet.begin("worker"))
        await asyncio.sleep(LEASE_SECONDS + 2.5)  # nothing else hinders the others
        self._say(f"{(await heir).name}: begun")

    async def _stop(self) -> None:
        member = self.chance.choice(self._near())
        member.send(signal.SIGSTOP)
        member.stopped = True
        self._say(f"{member.name}: stopped")
        await asyncio.sleep(STOPPED_SECONDS)
        member.send(signal.SIGCONT)
        member.stopped = False
        self.robbed.append(member)
        self._say(f"{member.name}: goes on")

    async def _restart_postgres(self) -> None:
        self._say("PostgreSQL: stopped")
        await asyncio.to_thread(self.fleet.postgres.stop)
        await asyncio.sleep(self.chance.uniform(0.3, 1.0))
        await asyncio.to_thread(self.fleet.postgres.start)
        self._say("PostgreSQL: back")

    async def _fail_over(self) -> None:
        self.fleet.stores.sever()
        self._say("PostgreSQL: out of reach")
        await asyncio.sleep(FAILOVER_SECONDS)
        self.fleet.stores.mend()
        self._say("PostgreSQL: in reach")

    async def _terminate(self) -> None:
        gone = await self.fleet.asked(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'flowmatik%'"
        )
        self._say(f"PostgreSQL: {len(gone)} connections ended")

    async def _flush_redis(self) -> None:
        reader, writer = await open_redis(self.fleet.redis.url)
        writer.write(b"FLUSHALL\r\n")
        assert await reader.readline() == b"+OK\r\n"
        writer.close()
        self._say("Redis: emptied")

    async def _restart_redis(self) -> None:
        await self.fleet.redis.stop()
        self._say("Redis: stopped")
        await asyncio.sleep(self.chance.uniform(1.5, 3.0))
        await self.fleet.redis.start()
        self._say("Redis: back")

    async def _cut_off(self) -> None:
        """The worker that has a host of its own, from both stores; not from what its tools act upon."""
        await asyncio.sleep(self.chance.uniform(1.0, 6.0))
        apart = self.fleet.apart
        if apart is None:
            for line in self.fleet.far_lines:
                line.silence()
        else:
            await asyncio.to_thread(apart.cut)
        how = "a line that fell silent, for no network could be made" if apart is None else "its network"
        self._say(f"the worker apart: cut off by {how}")
        await asyncio.sleep(CUT_SECONDS)
        if apart is None:
            for line in self.fleet.far_lines:
                line.sound()
        else:
            await asyncio.to_thread(apart.mend)
        self._say("the worker apart: in touch")
        self.robbed.append(next(one for one in self.fleet.workers if "away" in one.name))
