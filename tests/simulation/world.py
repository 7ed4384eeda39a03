"""A world for the real engine: processes that are killed and stopped, a store behind a bad line, tools
whose far side remembers what was done. One seed decides everything."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.models import ModelReply, Usage
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.fold import fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Journal, Snapshot
from flowmatik.core.services import EngineServices
from flowmatik.core.snapshots.bodies import state_in
from flowmatik.core.snapshots.keeping import Pace
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable, ToolError
from flowmatik.kernel.events import CloudEvent
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools

BEGINNING = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)  # a month ends under way
WORST_MICROS = 100
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")
SAVER = replace(CLERK, name="saver", role="saver", budget_micros=WORST_MICROS + 20)
EFFECTS = {"look": Effect.READ, "put": Effect.IDEMPOTENT, "send": Effect.ONCE, "order": Effect.ONCE}
UNDOES = {"put": "unput", "send": "unsend", "order": "unsend"}  # a read leaves nothing to take back
UNDOING = {"unput": Effect.IDEMPOTENT, "unsend": Effect.ONCE}


class WorldClock:
    """The loop's time; `skew` is what this clock is wrong by."""

    def __init__(self, skew: timedelta = timedelta()) -> None:
        self.skew = skew

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.monotonic()) + self.skew

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# What no run waits for has chances of its own: however much of it there is, the lives of runs are the same.
ASIDE = {
    "save_snapshot", "drop_snapshot", "drop_snapshots_of_ended", "retention_overrides", "deletable",
    "delete_runs", "forget_keys",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Chances, for each time that something crosses the line of a process."""

    slow: float = 0.25
    very_slow: float = 0.01
    lost: float = 0.02
    reply_lost: float = 0.02
    killed: float = 0.004
    stopped: float = 0.006
    retired: float = 0.003  # stopped as an operator does it, and replaced
    mute: float = 0.04  # for each effect: its far side answers late or not at all
    hard: float = 0.1  # for each run: somebody ends it at once, whatever is under way
    cancelled: float = 0.3  # for each run: a person ends it


CALM = Weather(
    hard=0.0, slow=0.1, very_slow=0.0, lost=0.0, reply_lost=0.0, killed=0.0, stopped=0.0, retired=0.0
)
DOUBTS = replace(
    CALM, slow=0.25, very_slow=0.08, mute=0.6, cancelled=1.0
)  # runs park while others ask of them
HARD = Weather(hard=1.0, cancelled=0.0)  # every run is ended at once, and leaves what it started to end
RETIREMENTS = replace(CALM, slow=0.25, retired=0.02, mute=0.0)


@dataclass(slots=True)
class Process:
    """One engine with what it needs; dead, nothing of it crosses its line any more."""

    world: "World"
    name: str
    clock: WorldClock
    dead: bool = False
    retiring: bool = False
    stopped_until: float = 0.0
    handle: EngineHandle = field(init=False)

    async def cross(self) -> None:
        """Out: slowly, never, or after a sleep of the whole process."""
        chance, weather = self.world.chance, self.world.weather
        if not self.dead and chance.random() < weather.killed:
            self.dead = True
            self.world.killed(self)
        if not (self.dead or self.retiring) and chance.random() < weather.retired:
            self.retiring = True
            self.world.retires(self)
        if chance.random() < weather.stopped:
            self.stopped_until = self.clock.monotonic() + chance.uniform(0.1, 20.0)
        while not self.dead and (left := self.stopped_until - self.clock.monotonic()) > 0:
            await self.clock.sleep(max(left, 0.001))
        draw = chance.random()
        if draw < weather.very_slow:
            await asyncio.sleep(chance.uniform(0.5, 6.0))
        elif draw < weather.slow:
            await asyncio.sleep(chance.uniform(0.0, 0.02))
        if self.dead:
            await self.world.for_ever()


class Line:
    """A store as a process sees it."""

    def __init__(self, process: Process, store: InMemoryJournal | InMemoryBlobs) -> None:
        self._process = process
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)
        process, world = self._process, self._process.world

        async def aside(*arguments: Any, **named: Any) -> Any:
            await asyncio.sleep(world.chance_aside.uniform(0.0, 0.5))
            if process.dead:
                await world.for_ever()
            if world.chance_aside.random() < world.weather.lost:
                raise JournalUnavailable("the line is cut")
            if name == "save_snapshot":
                await world.check_snapshot(*arguments)
            return await method(*arguments, **named)

        async def through(*arguments: Any, **named: Any) -> Any:
            await process.cross()
            if world.chance.random() < world.weather.lost:
                raise JournalUnavailable("the line is cut")
            result = await method(*arguments, **named)
            await process.cross()
            if world.chance.random() < world.weather.reply_lost:
                raise JournalUnavailable("the line was cut before the reply")
            return result

        return aside if name in ASIDE else through


@dataclass(slots=True)
class FarSide:
    """What really happened. `sent` has no keys; `ordered` and `put` are done once under a key."""

    sent: Counter[str] = field(default_factory=lambda: Counter[str]())
    under_key: dict[str, str] = field(default_factory=lambda: {})
    broken: list[str] = field(default_factory=lambda: [])

    def done(self, key: str) -> bool:
        return self.sent[key] > 0 or key in self.under_key

    def times(self, step: str) -> int:
        return self.sent[step] + sum(done == step for done in self.under_key.values())


class World:
    """`build` makes an engine; a test may make a broken one."""

    def __init__(
        self,
        seed: int,
        *,
        store: Callable[[Clock], InMemoryJournal] = InMemoryJournal,
        build: Callable[[EngineServices], EngineHandle] = build_engine,
        alone: bool = False,
        weather: Weather = Weather(),
    ) -> None:
        self.chance = random.Random(seed)
        self.chance_aside = random.Random(seed)
        self.weather = weather
        self.store = store(cast("Clock", WorldClock()))
        self.blobs = InMemoryBlobs()
        self.far = FarSide()
        self.processes: list[Process] = []
        self.heard: dict[str, list[int]] = {}
        self.spent_micros = 0
        self.retirements = 0
        self.doubts: list[str] = []
        self.won: Counter[str] = Counter()  # decisions, by approval
        self.over = False
        self._build = build
        self._alone = alone
        self._births: list[asyncio.Task[None]] = []
        self._graves: list[asyncio.Future[None]] = []

    def start(self, count: int) -> None:
        """They come up in their own time; one may die on the way."""
        self._births += [asyncio.create_task(self.begin(f"p{n}")) for n in range(count)]

    async def begin(self, name: str) -> None:
        skew = timedelta(seconds=self.chance.choice([0, 0, 0, -1, 2]))
        process = Process(self, name, WorldClock(skew))
        process.handle = self._build(
            EngineServices(
                journal=cast("Journal", Line(process, self.store)),
                models=ScriptedModels(lambda _: self._answer(process), worst_micros=WORST_MICROS),
                tools=self._tools(process),
                catalogue=GivenAgents((CLERK, SAVER)),
                loop=ReducerLoop(),
                clock=process.clock,
                alone=self._alone,
                snapshots=Pace(going=6, parking=3),
                blobs=cast("BlobStore", Line(process, self.blobs)),
            )
        )
        process.handle.bus.subscribe("world", self._hear)
        self.processes.append(process)
        while True:
            try:
                return await process.handle.start(recover_all=True)
            except JournalUnavailable:
                await asyncio.sleep(0.5)

    async def for_ever(self) -> None:
        grave: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._graves.append(grave)  # what waits here must not be collected
        await grave

    def retires(self, process: Process) -> None:
        """It takes no requests any more, ends what it must, and goes; another one comes."""
        if process not in self.processes:
            return  # it is still coming up
        self.processes.remove(process)
        self.retirements += 1

        async def leave() -> None:
            await process.handle.stop(grace_seconds=10.0)
            process.dead = True

        self._births.append(asyncio.create_task(leave()))
        self._replace(process)

    def killed(self, process: Process) -> None:
        if process in self.processes:
            self.processes.remove(process)
        if not process.retiring:
            self._replace(process)

    def _replace(self, process: Process) -> None:
        """Another one is started some time later."""
        if self.over:
            return
        pause = self.chance.uniform(0.0, 8.0)

        async def heir() -> None:
            await asyncio.sleep(pause)
            await self.begin(f"{process.name}'")

        self._births.append(asyncio.create_task(heir()))

    def some(self) -> Process | None:
        return self.chance.choice(self.processes) if self.processes else None

    async def _hear(self, event: CloudEvent) -> None:
        self.heard.setdefault(event.subject, []).append(event.seq)

    async def _answer(self, process: Process) -> ModelReply:
        await process.cross()
        await asyncio.sleep(self.chance.uniform(0.0, 3.0))
        cost = self.chance.randint(0, WORST_MICROS)
        self.spent_micros += cost
        await process.cross()
        return ModelReply(text="done", usage=Usage(input_tokens=1, output_tokens=1), cost_micros=cost)

    # --- tools --------------------------------------------------------------------------------

    def _tools(self, process: Process) -> FunctionTools:
        async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
            return await self._act(process, arguments, context)

        async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
            await process.cross()
            key = context.idempotency_key
            return Reconciled(state="found" if key in self.far.under_key else "void", result={"was": "done"})

        return FunctionTools(
            {
                name: FunctionTool(
                    function=act, effect=effect, timeout=4.0, reconcile=ask if name == "order" else None
                )
                for name, effect in (EFFECTS | UNDOING).items()
            }
        )

    async def _act(self, process: Process, arguments: dict[str, Any], context: ToolContext) -> Any:
        name, step = str(arguments["tool"]), f"{context.run_id}/{arguments['step']}"
        await process.cross()
        await asyncio.sleep(self.chance.uniform(0.0, 1.0))
        if self.chance.random() < 0.03:
            raise ToolError("the far side says no")
        await process.cross()
        await self._check_intent(context)
        if name in ("send", "unsend"):
            self.far.sent[step] += 1
        elif name in ("put", "unput", "order"):
            self.far.under_key.setdefault(context.idempotency_key, step)
        draw = self.chance.random()
        if draw < self.weather.mute / 2:
            raise ConnectionResetError("the reply was lost")
        if draw < self.weather.mute:
            await asyncio.sleep(60)
        await process.cross()
        return {"step": step}

    async def check_snapshot(self, run_id: str, snapshot: Snapshot) -> None:
        """What an owner keeps of its state is what the history makes of it."""
        history = (await self.store.read(run_id))[: snapshot.seq]
        if state_in(snapshot) != fold(history, ReducerLoop()):
            self.far.broken.append(f"{run_id}: the snapshot of seq {snapshot.seq} is not its history")

    async def _check_intent(self, context: ToolContext) -> None:
        history = await self.store.read(context.run_id)
        if not any(e.type == "CallRequested" and f'"{context.call_id}"' in e.payload for e in history):
            self.far.broken.append(f"{context.run_id} {context.call_id}: an effect without a durable intent")
