"""What keeps a sound plan from being taken: effects beyond the policy, and more money or time than the run
has. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from flowmatik.contracts.plans import Estimate, PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import RANK
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.brain.subplans import within_task

COST = "plan.cost"
MICROS = 1_000_000


def effect_faults(
    tasks: Sequence[PlanTask], tools: Mapping[str, ev.PinnedTool], most: Effect | None
) -> Iterator[Fault]:
    """Tasks that may do more than `most`, by what they say and by the tools that they call."""
    if most is None:
        return
    for task in tasks:
        named = [task.tool, task.compensation.tool if task.compensation else ""]
        strongest = max(
            [task.effect if not task.tool else Effect.READ, *(tools[n].effect for n in named if n in tools)],
            key=RANK.__getitem__,
        )
        if RANK[strongest] > RANK[most]:
            text = (
                f"task {task.id!r} may have the effect {strongest.value}, but plans may have at most "
                f"{most.value} here"
            )
            yield fault(text, "effects", task=task.id, effect=strongest.value, most=most.value)
        if task.below is not None:
            for one in effect_faults(task.below.plan, tools, most):
                yield within_task(one, task.id)


def cost_faults(budget_micros: int | None, spent_micros: int, taken: Estimate) -> Iterator[Fault]:
    """One turn of every agent must fit: with less no run of the plan can end. All turns that profiles permit
    rarely happen, so that they are said and hold nothing up; no call passes the budget anyhow."""
    if budget_micros is None or taken.least_micros is None:
        return
    left = max(budget_micros - spent_micros, 0)
    if taken.least_micros > left:
        least, usd = taken.least_micros / MICROS, left / MICROS
        text = f"the plan may cost ${least:.6f} with one turn for each agent, and ${usd:.6f} is left"
        yield fault(text, "cost", least_usd=least, left_usd=usd)


def time_faults(created: ev.RunCreated, taken: Estimate) -> Iterator[Fault]:
    """By the whole time that the run has, for what has passed of it no decision may ask."""
    if not created.deadline_at or not taken.least_seconds:
        return
    whole = datetime.fromisoformat(created.deadline_at) - datetime.fromisoformat(created.created_at)
    seconds = whole.total_seconds()
    if taken.least_seconds > seconds:
        text = f"the plan waits for {taken.least_seconds:g} s at least, and the run has {seconds:g} s"
        yield fault(text, "time", least_seconds=taken.least_seconds, seconds=seconds)
