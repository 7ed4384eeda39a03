"""Orders that rest: for a time, a signal or people's agreement. Every one wakes, one decision is made of each
approval, and what is behind an approval happens only if it was approved."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from flowmatik.contracts.approvals import ApprovalPolicy, Verdict
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.security import Principal
from flowmatik.core import events as ev
from flowmatik.core.state import RunState
from tests.simulation.lines import Process
from tests.simulation.reading import decoded
from tests.simulation.virtual_time import nap
from tests.simulation.world import EFFECTS, World

WS = "default"
Asked = Callable[[World, Callable[[Process], Awaitable[Any]]], Awaitable[Any]]
POLICIES = (
    ApprovalPolicy(),
    ApprovalPolicy(quorum=2),
    ApprovalPolicy(expires_seconds=4.0, on_expiry="approve"),
    ApprovalPolicy(expires_seconds=4.0, quorum=2),
)
WAITS = (
    WaitSpec(kind="time", seconds=6.0),
    WaitSpec(kind="signal", name="go"),
    WaitSpec(kind="signal", name="go", timeout_seconds=8.0, on_timeout="continue"),
    WaitSpec(kind="signal", name="never", timeout_seconds=8.0),
)


def resting_plan(chance: random.Random) -> tuple[PlanTask, ...]:
    tasks: list[PlanTask] = []
    for number in range(chance.randint(1, 3)):
        before = tuple(task.id for task in tasks if chance.random() < 0.5)
        if chance.random() < 0.5:
            tasks.append(PlanTask(id=f"w{number}", objective="", wait=chance.choice(WAITS), needs=before))
            continue
        tool = chance.choice(["put", "send", "order"])
        tasks.append(
            PlanTask(
                id=f"s{number}",
                objective="",
                tool=tool,
                effect=EFFECTS[tool],
                arguments={"tool": tool, "step": f"s{number}"},
                needs=before,
                approval=chance.choice(POLICIES),
            )
        )
    return tuple(tasks)


async def signals(world: World, run_id: str, order: NewRun, asked: Asked) -> None:
    """As often as the run may wait for it, early or late, each told under its key until somebody hears."""
    wanted = sum(task.wait is not None and task.wait.name == "go" for task in order.plan)
    for n in range(wanted):
        await nap(world.chance.uniform(0.0, 8.0))

        def send(process: Process, key: str = f"k{n}") -> Awaitable[None]:
            return process.handle.signals.signal(WS, run_id, "go", key, idempotency_key=key)

        await asked(world, send)


async def approver(world: World, name: str, asked: Asked) -> None:
    """Looks at what there is to decide and decides it, often at the same moment as somebody else."""
    by = Principal(id=f"usr_{name}", name=name, workspace_id=WS, scopes=frozenset({"approvals:decide"}))
    while True:
        await nap(1.0 if world.chance.random() < 0.5 else world.chance.uniform(0.0, 3.0))
        page = await asked(world, lambda p: p.handle.approvals.list(WS))
        for one in page.items if page else ():
            if one.approvers and name not in one.approvers:
                continue
            decision = "deny" if world.chance.random() < 0.3 else "approve"
            verdict = Verdict(decision=decision, arguments_hash=one.arguments_hash)

            async def decide(process: Process, approval: str = one.id, verdict: Verdict = verdict) -> None:
                decided = await process.handle.approvals.decide(WS, approval, verdict, by=by)
                world.won[approval] += decided.decided_by == name

            await asked(world, decide)


def check_wakes(state: RunState) -> None:
    """A run that rests for long waits for something that can still come."""
    waits = [(wait.kind, wait.name, wait.due_at) for wait in state.waits.values()]
    told = state.created.run_id
    assert not waits, f"{told} sleeps on: {waits}, signals {state.signals}"
    assert not state.approvals, f"{told} was never answered: {[*state.approvals]}"


async def check_approvals(world: World) -> None:
    for run_id in {row.run_id for row in await _rows(world, "pending")}:
        raise AssertionError(f"the ended run {run_id} still asks people")
    assert all(times <= 1 for times in world.won.values()), f"decided twice: {world.won}"
    rows = [row for status in ("approved", "denied", "cancelled") for row in await _rows(world, status)]
    for row in rows:
        history = [decoded(stored) for stored in await world.store.read(row.run_id)]
        told = [e for e in history if isinstance(e, ev.ApprovalDecided) and e.approval_id == row.approval_id]
        assert len(told) <= 1, f"two decisions of {row.approval_id}: {told}"
        assert not told or row.status == {"approve": "approved", "deny": "denied"}[told[0].decision], row
        done = world.far.times(f"{row.run_id}/{row.task_id}")
        assert not done or row.status == "approved", (
            f"{row.task_id} of {row.run_id} was {row.status}, and done"
        )


async def _rows(world: World, status: str) -> list[Any]:
    return await world.store.approvals(WS, status=status, after=None, limit=500)
