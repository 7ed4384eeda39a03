"""The processes of a cluster, on a PostgreSQL and a Redis of its own, behind lines that may be cut."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from flowmatik.core.build import EngineHandle
from flowmatik.kernel.clock import SharedClock, SystemClock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import connect_once, unavailable_errors
from tests.integration.core.faults.far_side import FarSide, far_side
from tests.integration.core.faults.lines import Hosts, Line, Opened, hosts, line_to, loopback
from tests.integration.core.faults.member import Place, engine_at
from tests.integration.core.own_postgres import OwnPostgres, own_postgres_server
from tests.own_redis import OwnRedis, own_redis

READY_SECONDS = 60.0
WORKERS = 4


@dataclass(slots=True, kw_only=True)
class Member:
    """`owner`: its name in the journal; `log`: what it said."""

    name: str
    process: Process
    owner: str
    log: Path
    stopped: bool = False

    def send(self, what: signal.Signals) -> None:
        self.process.send_signal(what)


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The worker `away` has a host of its own (`apart`; None where no network can be made), with `far_lines`
    to the stores. `gateway` is in this process."""

    postgres: OwnPostgres
    redis: OwnRedis
    far: FarSide
    folder: Path
    stores: Line
    far_lines: list[Line]
    apart: Hosts | None
    near: Place
    distant: Place
    members: dict[str, Member] = field(default_factory=lambda: {})
    born: int = 0
    gateway: EngineHandle = field(init=False)

    @property
    def workers(self) -> list[Member]:
        return [one for name, one in self.members.items() if name.startswith("worker")]

    async def begin(self, role: str, *, away: bool = False) -> Member:
        self.born += 1
        name = f"{role}-{self.born}{'-away' if away else ''}"
        place = self.distant if away else self.near
        prefix = self.apart.prefix if away and self.apart is not None else ()
        told = json.dumps(
            {
                "role": role,
                "dsn": place.dsn,
                "redis": place.redis,
                "prefix": place.prefix,
                "far": place.far,
                "concurrency": place.concurrency,
            }
        )
        with (self.folder / f"{name}.log").open("wb") as log:
            process = await create_subprocess_exec(
                *prefix,
                sys.executable,
                "-m",
                "tests.integration.core.faults.member",
                told,
                stdout=PIPE,
                stderr=log,
            )
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            owner = (await process.stdout.readline()).decode().strip()
        assert owner, (self.folder / f"{name}.log").read_text()[-3000:]
        self.members[name] = Member(name=name, process=process, owner=owner, log=self.folder / f"{name}.log")
        return self.members[name]

    async def kill(self, member: Member) -> None:
        member.send(signal.SIGKILL)
        await member.process.wait()
        del self.members[member.name]

    async def end(self) -> None:
        members = list(self.members.values())
        for member in members:
            if member.process.returncode is None:
                member.send(signal.SIGCONT)
                member.send(signal.SIGTERM)
        for member in members:
            try:
                async with asyncio.timeout(120):
                    await member.process.wait()
            except TimeoutError:
                member.send(signal.SIGKILL)
                await member.process.wait()

    async def set_cap(self, workspace_id: str, micros: int) -> None:
        await self.asked(
            "INSERT INTO caps (workspace_id, scope, limit_micros, granted_micros) "
            "VALUES ($1, 'workspace', $2, 0)",
            workspace_id,
            micros,
        )

    async def asked(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Of the database, past every line. Raises JournalUnavailable, also when the server goes away."""
        connection = await connect_once(self.postgres.url)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        except unavailable_errors() as error:
            raise JournalUnavailable(f"the server went away: {error!r}") from error
        finally:
            connection.terminate()


def _to(port: Callable[[], int]) -> Callable[[], Awaitable[Opened]]:
    return lambda: asyncio.open_connection("127.0.0.1", port())


@asynccontextmanager
async def fleet(folder: Path) -> AsyncGenerator[Fleet]:
    """A gateway here, a scheduler, and workers, the last of which has a host of its own."""
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(own_postgres_server("max_connections=200"))
        redis = await stack.enter_async_context(own_redis(folder))
        await upgrade(postgres.url)
        socket = folder / "far"
        far = await stack.enter_async_context(far_side(socket))
        apart = await stack.enter_async_context(hosts())
        port = int(postgres.url.rpartition(":")[2].partition("/")[0])
        stores = await stack.enter_async_context(line_to(_to(lambda: port), loopback()))
        host = "127.0.0.1" if apart is None else apart.STORES
        far_lines = [
            await stack.enter_async_context(line_to(reach, loopback() if apart is None else apart.listen()))
            for reach in (_to(lambda: stores.port), _to(lambda: redis.port))
        ]
        prefix = f"test_{uuid4().hex}:"

        def place(host: str, port: int, redis_port: int) -> Place:
            return Place(
                role="gateway",
                dsn=f"postgresql://postgres@{host}:{port}/postgres",
                redis=f"redis://{host}:{redis_port}/0",
                prefix=prefix,
                far=str(socket),
            )

        found = Fleet(
            postgres=postgres,
            redis=redis,
            far=far,
            folder=folder,
            stores=stores,
            far_lines=far_lines,
            apart=apart,
            near=place("127.0.0.1", stores.port, redis.port),
            distant=place(host, far_lines[0].port, far_lines[1].port),
        )
        stack.push_async_callback(found.end)
        roles = [("scheduler", False), *(("worker", n == WORKERS - 1) for n in range(WORKERS))]
        await asyncio.gather(*(found.begin(role, away=away) for role, away in roles))
        found.gateway = await stack.enter_async_context(engine_at(found.near, SharedClock(SystemClock())))
        yield found
