"""A world for the real engine: processes that are killed and stopped, a store behind a bad line, tools
whose far side remembers what was done. One seed decides everything."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from flowmatik.agents.loop import ReducerLoop
from flowmatik.app.threads import open_threads, thread_memory
from flowmatik.contracts.advice import Adviser, Question
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.database import Database
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.contracts.streams import Streams
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.fold import apply, fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Journal, Snapshot
from flowmatik.core.services import EngineServices, Role
from flowmatik.core.snapshots.bodies import state_in
from flowmatik.core.snapshots.keeping import Pace
from flowmatik.core.state import RunState
from flowmatik.core.threads.handing import HAND_TO_PERSON, ThreadTools
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable, ToolError
from flowmatik.kernel.events import CloudEvent
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.simulation import storms
from tests.simulation.counsel import advisers, suffer
from tests.simulation.crew import STRONG, crew_of
from tests.simulation.lines import Line, Process, WorldClock
from tests.simulation.minds import USAGE, Minds
from tests.simulation.reading import decoded
from tests.simulation.redis import Losses, Redis, Wire
from tests.simulation.rows import Rows, RowsLine
from tests.simulation.virtual_time import nap
from tests.simulation.weather import STORMY, Weather

WORST_MICROS = 100
LOOP = ReducerLoop()
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")
SAVER = replace(CLERK, name="saver", role="saver", budget_micros=WORST_MICROS + 20)
TEAMS = (0, 3, 7)  # of ten seeds these have a crew, and conversations
EFFECTS = {"look": Effect.READ, "put": Effect.IDEMPOTENT, "send": Effect.ONCE, "order": Effect.ONCE}
UNDOES = {"put": "unput", "send": "unsend", "order": "unsend"}  # a read leaves nothing to take back
UNDOING = {"unput": Effect.IDEMPOTENT, "unsend": Effect.ONCE}
PRICES = {"look": 10, "put": 20, "send": 30, "unput": 15, "unsend": 25}  # micro-dollars, in some lives


def _unsure(chance: random.Random, told: Adviser) -> Adviser:
    async def advise(question: Question) -> dict[str, Any]:
        await suffer(chance)
        return await told(question)

    return advise


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
    """`build` makes an engine; a test may make a broken one. With `hints` its processes tell each other over
    Redis where to look, as they do in each third seed."""

    def __init__(
        self,
        seed: int,
        *,
        store: Callable[[Clock], InMemoryJournal] = InMemoryJournal,
        build: Callable[[EngineServices], EngineHandle] = build_engine,
        alone: bool = False,
        weather: Weather = STORMY,
        hints: bool | None = None,
        team: bool | None = None,
    ) -> None:
        self.chance = random.Random(seed)
        self.chance_aside = random.Random(seed)
        self.weather = weather
        self.store_clock = cast("Clock", WorldClock())
        self.store = store(self.store_clock)
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
        dispatches = seed % 3 == 2 if hints is None else hints
        self.redis = Redis(self, Losses()) if dispatches else None
        self.after = ""  # how it is with Redis once the storm is over
        self._concurrency = self.chance.choice([1, 2, 4, 256]) if dispatches else 256
        self._states: dict[str, RunState] = {}  # for checks of snapshots
        self.met: Counter[str] = Counter()
        self.team = seed % 10 in TEAMS if team is None else team
        self.prices = PRICES if seed % 4 == 1 else {}
        self.many_caps = seed % 5 == 4  # beside the workspace's: of the provider, and of the day
        self.model = STRONG if self.team else "local/scripted"
        self.busy = self.busiest = 0  # calls of `model` under way
        self.minds = Minds(self.chance)
        self._agents = (CLERK, SAVER, *(crew_of(self.chance) if self.team else ()))
        self._rows: Rows | None = None
        self._births: list[asyncio.Task[None]] = []
        self._graves: list[asyncio.Future[None]] = []

    @property
    def rows(self) -> Rows:
        if self._rows is None:
            self._rows = Rows()
        return self._rows

    def start(self, count: int) -> None:
        """They come up in their own time; one may die on the way."""
        roles = [Role.ALL] * count if self.redis is None else storms.roles(self, count)
        self._births += [asyncio.create_task(self.begin(f"p{n}", role)) for n, role in enumerate(roles)]
        if self.redis is not None:
            self._storm = asyncio.create_task(storms.blow(self, self.redis))

    def clear(self) -> None:
        """The storm is over."""
        if self.redis is not None:
            self._storm.cancel()
            storms.clear(self, self.redis)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def begin(self, name: str, role: Role) -> None:
        skew = timedelta(seconds=self.chance.choice([0, 0, 0, -1, 2]))
        process = Process(self, name, WorldClock(skew), role)
        process.handle = self._build(self._services(process))
        process.handle.bus.subscribe("world", self._hear)
        if self.team:
            self._open_threads(process)
        self.processes.append(process)
        while True:
            try:
                await process.handle.start(recover_all=True)
                if process.threads is not None and process.role.keeps:
                    process.threads.keeper.start()
                return
            except JournalUnavailable:
                await process.handle.links.stop()
                await nap(0.5)

    def _open_threads(self, process: Process) -> None:
        lines, handle = cast("Database", RowsLine(process, self.rows)), process.handle
        store = ThreadStore(lines, process.clock)
        agents = GivenAgents(self._agents)
        process.threads = open_threads(store, handle, handle.runs, agents, lines, process.clock)
        process.threads.hearing.subscribe(handle.bus)

    def _team_services(self, process: Process) -> dict[str, Any]:
        store = ThreadStore(cast("Database", RowsLine(process, self.rows)), process.clock)
        told = thread_memory(store, GivenAgents(self._agents))
        known = advisers(self.chance, process.cross)
        return {"threads": store, "advisers": {**known, "thread": _unsure(self.chance, told)}}

    def _services(self, process: Process) -> EngineServices:
        return EngineServices(
            journal=cast("Journal", Line(process, self.store)),
            models=ScriptedModels(
                lambda request: self._answer(process, request),
                model=self.model,
                worst_micros=WORST_MICROS,
            ),
            tools=self._tools(process),
            catalogue=GivenAgents(self._agents),
            loop=LOOP,
            clock=process.clock,
            alone=self._alone,
            concurrency=self._concurrency,
            role=process.role,
            streams=None if self.redis is None else cast("Streams", Wire(process, self.redis)),
            snapshots=Pace(going=24, parking=8) if self.team else Pace(going=6, parking=3),
            blobs=cast("BlobStore", Line(process, self.blobs)),
            **(self._team_services(process) if self.team else {}),
        )

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
            await nap(pause)
            await self.begin(f"{process.name}'", process.role)

        self._births.append(asyncio.create_task(heir()))

    def some(self) -> Process | None:
        """That serves callers."""
        serving = [process for process in self.processes if process.role.serves]
        return self.chance.choice(serving) if serving else None

    async def _hear(self, event: CloudEvent) -> None:
        self.heard.setdefault(event.subject, []).append(event.seq)

    async def _answer(self, process: Process, request: ModelRequest) -> ModelReply:
        await process.cross()
        counts = request.model == self.model
        self.busy += counts
        self.busiest = max(self.busiest, self.busy)
        try:
            await nap(self.chance.uniform(0.0, 1.0 if self.team else 3.0))
        finally:
            self.busy -= counts
        if self.team and request.messages[0].content != CLERK.instructions:
            reply = self.minds.answer(request)
        else:
            reply = ModelReply(text="done", usage=USAGE)
        cost = self.chance.randint(0, WORST_MICROS)
        self.spent_micros += cost
        await process.cross()
        return replace(reply, cost_micros=cost)

    # --- tools --------------------------------------------------------------------------------

    def _tools(self, process: Process) -> FunctionTools:
        async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
            return await self._act(process, arguments, context)

        async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
            await process.cross()
            key = context.idempotency_key
            return Reconciled(state="found" if key in self.far.under_key else "void", result={"was": "done"})

        tools = {
            name: FunctionTool(
                function=act,
                effect=effect,
                timeout=4.0,
                reconcile=ask if name == "order" else None,
                price_usd=self.prices.get(name, 0) / 1e6,
            )
            for name, effect in (EFFECTS | UNDOING).items()
        }
        if self.team:
            tools[HAND_TO_PERSON] = self._handing(process)
        return FunctionTools(tools)

    def _handing(self, process: Process) -> FunctionTool:
        store = ThreadStore(cast("Database", RowsLine(process, self.rows)), process.clock)
        hands = ThreadTools(store, cast("Journal", Line(process, self.store)))

        async def hand(arguments: dict[str, Any], context: ToolContext) -> Any:
            return await hands.call(HAND_TO_PERSON, arguments, context)

        return FunctionTool(function=hand, effect=Effect.IDEMPOTENT, timeout=4.0)

    async def _act(self, process: Process, arguments: dict[str, Any], context: ToolContext) -> Any:
        name, step = str(arguments["tool"]), f"{context.run_id}/{arguments['step']}"
        await process.cross()
        await nap(self.chance.uniform(0.0, 1.0))
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
            await nap(60)
        await process.cross()
        hushed = {"note": "hushed"} if self.team and draw > 0.97 else {}
        return {"step": step, **hushed}

    async def check_snapshot(self, run_id: str, snapshot: Snapshot) -> None:
        """What an owner keeps of its state is what the history makes of it."""
        if state_in(snapshot) != await self._folded(run_id, snapshot.seq):
            self.far.broken.append(f"{run_id}: the snapshot of seq {snapshot.seq} is not its history")

    async def _folded(self, run_id: str, seq: int) -> RunState:
        """The state after event `seq`, from the one that was asked for last, if that is older."""
        state = self._states.get(run_id)
        if state is None or state.seq > seq:
            state = self._states[run_id] = fold((await self.store.read(run_id, limit=1)), LOOP)
        for stored in (await self.store.read(run_id, after_seq=state.seq))[: seq - state.seq]:
            apply(state, decoded(stored), LOOP)
            state.seq = stored.seq
        return state

    async def _check_intent(self, context: ToolContext) -> None:
        history = await self.store.read(context.run_id)
        if not any(e.type == "CallRequested" and f'"{context.call_id}"' in e.payload for e in history):
            self.far.broken.append(f"{context.run_id} {context.call_id}: an effect without a durable intent")
