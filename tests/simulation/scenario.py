"""What happens in a world: people start runs, cancel some and decide what is in doubt, while processes
die and lines are cut; then the weather clears, everything must come to rest, and the books are checked."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any, TypeVar

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.control import RunChange
from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core import events as ev
from flowmatik.core.fold import fold
from flowmatik.core.journal.port import RunHead, StoredEvent
from flowmatik.core.replay import replay
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, JournalUnavailable
from tests.simulation.books import check_money, check_rows
from tests.simulation.crew import team_order
from tests.simulation.kin import check_family, families, is_hard
from tests.simulation.laboratory import named_by, polling_seldom, quiet, settled, spinning_noticed
from tests.simulation.limiting import limits_of
from tests.simulation.lines import Process
from tests.simulation.reading import decoded
from tests.simulation.resting import approver, check_approvals, check_wakes, resting_plan, signals
from tests.simulation.steps import walked
from tests.simulation.talk import check_threads, desk, talker, unanswered
from tests.simulation.undoing import check_undoing, undoing_of
from tests.simulation.virtual_time import nap, run
from tests.simulation.weather import CALM
from tests.simulation.world import EFFECTS, UNDOES, World

T = TypeVar("T")
WS = "default"
STORM_SECONDS = 25.0
PATIENCE_SECONDS = 900.0
WAKES_SECONDS = 45.0  # longer than any process is stopped
CAPS_MICROS = (150, 250, 1000)
TALKS = 0.4  # of lives with a crew
TEAM_CAPS_MICROS = (400, 4000, 20_000, 20_000)
ENDS = ("RunSucceeded", "RunFailed", "RunCancelled")


def simulate(seed: int, **broken: Any) -> World:
    """Raises AssertionError, which names the seed, when a promise of the engine does not hold."""
    world = World(seed, **broken)
    try:
        with quiet(), named_by(seed), polling_seldom(), spinning_noticed():
            run(_life(world))
    except AssertionError as error:
        raise AssertionError(
            f"seed {seed}: {error}\nAgain: python -m tests.simulation --first {seed} --seeds 1"
        ) from error
    return world


def lives(seeds: Sequence[int]) -> tuple[list[str], Counter[str]]:
    """What is wrong in the lives of these seeds, and how often they met what."""
    settled()
    faults: list[str] = []
    met = Counter[str]()
    for seed in seeds:
        try:
            met += simulate(seed).met
        except AssertionError as error:
            faults.append(str(error))
    return faults, met


def lived(seeds: Sequence[int]) -> list[str]:
    return lives(seeds)[0]


def processes(count: int) -> ProcessPoolExecutor:
    """For `lived`. Begun anew, for a copy of a process that has threads may wait for ever for one of them."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


async def _life(world: World) -> None:
    try:
        await _live(world)
    finally:
        world.over, world.weather = True, CALM


async def _live(world: World) -> None:
    cap = world.chance.choice(TEAM_CAPS_MICROS if world.team else CAPS_MICROS)
    await world.store.set_cap(WS, "workspace", cap)
    if world.many_caps:
        for scope in ("provider:local", "workspace/day"):
            await world.store.set_cap(WS, scope, cap)
    for limit in limits_of(world, WS):
        await world.store.set_limit(limit)
    world.start(world.chance.randint(1, 3))
    orders = [_order(world, n) for n in range(world.chance.randint(1, 4))]
    people = [asyncio.create_task(_person(world, n, order)) for n, order in enumerate(orders)]
    deciding = [asyncio.create_task(approver(world, name, _asked)) for name in ("anna", "ben")]
    talking: list[asyncio.Task[None]] = []
    if world.team and world.chance.random() < TALKS:
        talking = [asyncio.create_task(talker(world, n, _asked)) for n in range(world.chance.randint(1, 2))]
        deciding.append(asyncio.create_task(desk(world, _asked)))
    await nap(STORM_SECONDS)
    world.weather = replace(CALM, mute=world.weather.mute)
    world.clear()
    made = await asyncio.wait_for(asyncio.gather(*people), PATIENCE_SECONDS)
    await asyncio.wait_for(asyncio.gather(*talking), PATIENCE_SECONDS)
    await _rest(world, set(made))
    for task in deciding:
        task.cancel()
    await check_approvals(world)
    heads = {head.run_id: head for head in await _heads(world)}
    histories = {run_id: await world.store.read(run_id) for run_id in heads}
    walks = {run_id: walked(history) for run_id, history in histories.items()}
    for run_id, head in heads.items():
        _check_run(world, head, histories[run_id], walks[run_id].state)
        check_family(head, histories, heads, walks)
        world.met += walks[run_id].met
    if world.redis is not None:
        world.met["turn under a shared limit"] += world.redis.scripts.turns
    assert world.far.broken == [], world.far.broken
    check_money(cap, list(histories.values()), list(walks.values()))
    await asyncio.wait_for(_settled(world), PATIENCE_SECONDS)
    check_rows(await world.store.caps(WS), [walk.state for walk in walks.values()])
    if world.team:
        await check_threads(world, histories, {run_id: walk.state for run_id, walk in walks.items()})


async def _settled(world: World) -> None:
    """Whose last owner died before it gave back what was left, the sweep of another settles."""
    while await world.store.unsettled(1):
        await nap(0.5)


async def _heads(world: World) -> list[RunHead]:
    return await world.store.list_heads(WS, status=None, before=None, limit=100_000)


def _order(world: World, n: int) -> NewRun:
    chance = world.chance
    if world.team and chance.random() < 0.7:
        return team_order(chance, n)
    if chance.random() < 0.25:
        return NewRun(goal=f"ask {n}", agent="clerk", budget_micros=chance.choice([None, 50, 250]))
    if chance.random() < 0.25:
        return NewRun(
            goal=f"rest {n}", plan=resting_plan(chance), deadline_seconds=chance.choice([None, 12.0])
        )
    if chance.random() < 0.2:
        budget = chance.choice([None, 100, 250, 350])
        return NewRun(goal=f"ask much {n}", plan=_questions(world), budget_micros=budget)
    deadline = chance.choice([None, None, None, 5.0])
    if chance.random() < 0.4:
        budget = chance.choice([None, None, 150, 350])
        plan = (*families(chance, _steps), *_steps(world.chance, 1))
        return NewRun(goal=f"have done {n}", plan=plan, deadline_seconds=deadline, budget_micros=budget)
    return NewRun(goal=f"do {n}", plan=_steps(chance, chance.randint(1, 4)), deadline_seconds=deadline)


def _steps(chance: random.Random, count: int) -> tuple[PlanTask, ...]:
    tasks: list[PlanTask] = []
    for number in range(count):
        tool = chance.choice(list(EFFECTS))
        before = [task.id for task in tasks if chance.random() < 0.5]
        tasks.append(
            PlanTask(
                id=f"s{number}",
                objective="",
                tool=tool,
                effect=EFFECTS[tool],
                arguments={"tool": tool, "step": f"s{number}"},
                needs=tuple(before),
                compensation=_taking_back(chance, tool, f"s{number}"),
            )
        )
    return tuple(tasks)


def _taking_back(chance: random.Random, tool: str, step: str) -> Compensation | None:
    if tool not in UNDOES or chance.random() < 0.4:
        return None
    undo = UNDOES[tool]
    return Compensation(tool=undo, arguments={"tool": undo, "step": undoing_of(step)})


def _questions(world: World) -> tuple[PlanTask, ...]:
    chance = world.chance
    return tuple(
        PlanTask(
            id=f"q{number}",
            objective="ask",
            agent=chance.choice(["clerk", "saver"]),
            needs=tuple(f"q{before}" for before in range(number) if chance.random() < 0.3),
            criteria=(),
            budget_micros=chance.choice([None, None, 50, 150]),
        )
        for number in range(chance.randint(2, 4))
    )


async def _person(world: World, n: int, order: NewRun) -> str:
    """Starts a run, asking again under its key until somebody answers; may steer and cancel it."""
    await nap(world.chance.uniform(0.0, STORM_SECONDS))
    run_id = await _asked(world, lambda p: p.handle.runs.create(WS, _keyed(order, f"order {n}")))
    assert run_id is not None
    while world.chance.random() < 0.3:
        await _steer(world, run_id, order)
    if world.chance.random() < world.weather.cancelled:
        await nap(world.chance.uniform(0.0, 8.0))
        await _asked(world, lambda p: p.handle.runs.cancel(WS, run_id))
    await signals(world, run_id, order, _asked)
    if world.chance.random() < world.weather.hard:
        await nap(world.chance.uniform(0.0, 8.0))
        await _asked(world, lambda p: p.handle.control.cancel_hard(WS, run_id))
    return run_id


async def _steer(world: World, run_id: str, order: NewRun) -> None:
    """Pauses it for a while, or gives it more money or another deadline."""
    chance = world.chance
    await nap(chance.uniform(0.0, 4.0))
    if chance.random() < 0.6:
        await _asked(world, lambda p: p.handle.control.pause(WS, run_id))
        await nap(chance.uniform(0.0, 10.0))
        if chance.random() < 0.8:  # else whoever looks after what rests does it
            await _asked(world, lambda p: p.handle.runs.resume(WS, run_id))
        return
    budget = None if order.budget_micros is None else order.budget_micros + chance.choice([0, 100])
    deadline = chance.choice([None, 3.0, 20.0]) if order.deadline_seconds else None
    change = RunChange(budget_micros=budget, deadline_seconds=deadline, priority=chance.randint(-5, 5))
    await _asked(world, lambda p: p.handle.control.change(WS, run_id, change))


def _keyed(order: NewRun, key: str) -> NewRun:
    return replace(order, idempotency_key=key)


async def _asked(world: World, request: Callable[[Process], Awaitable[T]]) -> T | None:
    """As a client with a time-out that tries one process after the other."""
    while True:
        process = world.some()
        try:
            if process is not None:
                return await asyncio.wait_for(request(process), 10)
        except (TimeoutError, JournalUnavailable):
            pass
        except Conflict:
            return None
        await nap(0.3)


async def _rest(world: World, made: set[str]) -> None:
    """Until every run has ended; what is in doubt is decided by what really happened."""
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    since: dict[tuple[str, int, int], float] = {}
    orphaned: dict[str, float] = {}
    for run_id in made:
        await world.store.head(WS, run_id)
    while True:
        stuck = [head for head in await _heads(world) if not head.ended_at]
        if not stuck and await _delivered(world) and not (world.team and await unanswered(world)):
            return
        now = asyncio.get_running_loop().time()
        assert now < until, f"lost: {stuck} {[p.name for p in world.processes]} {await _waits(world)}"
        await _check_orphans(world, stuck, now, orphaned)
        for head in stuck:
            resting = now - since.setdefault((head.run_id, head.head_seq, head.inbox_tail), now)
            if head.status == RunStatus.IN_DOUBT.value and resting > WAKES_SECONDS:
                assert head.inbox_tail == head.inbox_seen, f"parked over an input that nobody reads: {head}"
                await _decide(world, head)
            elif head.status == RunStatus.WAITING.value and resting > WAKES_SECONDS:
                await _roused(world, head)
        await nap(0.5)


async def _delivered(world: World) -> bool:
    """Whether everything has been; where too many processes died over an event, an operator has it delivered
    again."""
    letters = await world.store.dead_letters(WS)
    for name, run_id in {(letter.subscriber, letter.run_id): None for letter in letters}:
        await _asked(world, lambda p, name=name, run_id=run_id: p.handle.bus.redrive(name, run_id))
    return not letters and not any(await _undelivered(world))


async def _undelivered(world: World) -> list[Any]:
    store, subscribers = world.store, ("world", "threads") if world.team else ("world",)
    behind = [one for name in subscribers for one in await store.behind(name, 1)]
    return [*await store.outbox(1), *behind, *await store.unreported(1)]


async def _waits(world: World) -> str:
    """What is not delivered, told, or answered."""
    talks = await unanswered(world) if world.team else []
    return f"{await world.store.dead_letters(WS)} {await _undelivered(world)} {talks}"


async def _check_orphans(world: World, heads: Sequence[RunHead], now: float, since: dict[str, float]) -> None:
    """No run ends before its children, but by a hard cancel; the sweep finds those soon."""
    live = {head.run_id for head in heads}
    for head in heads:
        if not head.parent or head.parent in live:
            continue
        known = is_hard(await world.store.read(head.parent))
        lasting = now - since.setdefault(head.run_id, now)
        patience = WAKES_SECONDS if known else -1.0
        assert lasting <= patience, f"a child goes on without its parent: {head}"


async def _roused(world: World, head: RunHead) -> None:
    """Somebody goes on with a run that was paused and forgotten; any other must wake by itself."""
    assert head.inbox_tail == head.inbox_seen, f"parked over an input that nobody reads: {head}"
    state = fold(await world.store.read(head.run_id), ReducerLoop())
    if state.paused is None:
        check_wakes(state)
    await _asked(world, lambda p: p.handle.runs.resume(WS, head.run_id))


async def _decide(world: World, head: RunHead) -> None:
    state = fold(await world.store.read(head.run_id), ReducerLoop())
    verdicts: dict[str, str] = {}
    for call_id in state.doubt:
        assert call_id in state.open, f"in doubt without an intent: {call_id} of {head.run_id}"
        call = state.open[call_id]
        step = f"{head.run_id}/{call.arguments.get('step')}"
        done = world.far.sent[step] > 0 or call.idempotency_key in world.far.under_key
        # What was stopped on its way may still arrive: nobody in their senses has it repeated.
        verdicts[call_id] = "done" if done else "failed"
    if verdicts:
        await _asked(world, lambda p: p.handle.runs.resume(WS, head.run_id, resolutions=verdicts))


# --- the books --------------------------------------------------------------------------------


def _check_run(world: World, head: RunHead, history: list[StoredEvent], state: RunState) -> None:
    told = f"{head.run_id} ({head.status}): " + " ".join(event.type for event in history)
    world.doubts += [event.payload for event in history if event.type == "CallInDoubt"]
    assert [event.seq for event in history] == list(range(1, len(history) + 1)), f"gaps in seq: {told}"
    assert [e.type for e in history if e.type in ENDS] == [history[-1].type], f"ends badly: {told}"
    differences = replay(head.run_id, history, ReducerLoop()).differences
    assert differences == (), f"replay decides otherwise: {differences} {told}"
    _check_calls(state, history, told)
    _check_steps(world, state, told)
    check_undoing(world, state, history, told)
    assert state.reserved_micros == state.reserved_below == 0, f"money is still set aside: {told}"
    assert head.cost_micros >= state.spent_micros, f"the head has less than the run spent itself: {told}"
    heard = world.heard.get(head.run_id, [])
    assert sorted(set(heard)) == list(range(1, len(history) + 1)), f"the bus lost events: {heard} {told}"
    assert list(dict.fromkeys(heard)) == sorted(set(heard)), f"the bus is out of order: {heard}"


def _check_calls(state: RunState, history: list[StoredEvent], told: str) -> None:
    asked: list[str] = []
    ended: list[str] = []
    for stored in history:
        event = decoded(stored)
        if isinstance(event, ev.CallRequested):
            asked.append(event.call_id)
        elif isinstance(event, ev.CallSucceeded | ev.CallFailed):
            ended.append(event.call_id)
    ended += state.doubt
    assert len(asked) == len(set(asked)), f"two intents of one call: {told}"
    assert sorted(asked) == sorted(ended), f"intents and outcomes differ: {told}"


def _check_steps(world: World, state: RunState, told: str) -> None:
    for task in state.tasks.values():
        step = f"{state.created.run_id}/{task.spec.id}"
        times = world.far.times(step)
        if task.spec.tool in ("send", "order", "put"):
            assert times <= 1, f"{task.spec.tool} was done {times} times at {step}: {told}"
        if task.step_done and task.spec.tool in ("send", "order", "put"):
            assert times == 1, f"{step} is said to be done and is not: {told}"


def story(world: World) -> str:
    """For comparing two lives of one seed: what happened, without names that are made anew."""
    heard = sorted(len(seqs) for seqs in world.heard.values())
    return canonical.dumps(
        {"sent": sorted(world.far.sent.values()), "spent": world.spent_micros, "heard": heard}
    )
