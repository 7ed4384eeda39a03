"""A fork by another plan: it is checked as the plan of a new run is, and pins what it needs as one does."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from flowmatik.contracts.control import NewFork
from flowmatik.contracts.runs import NewRun
from flowmatik.core import events as ev
from flowmatik.core.brain.gates import BRAIN
from flowmatik.kernel.errors import Conflict, InvalidInput

Prepare = Callable[[str, NewRun], Awaitable[ev.RunCreated]]


async def with_plan(
    began: ev.RunForked, fork: NewFork, parent: ev.RunCreated, prepare: Prepare
) -> ev.RunForked:
    """`began` with the plan, its agents and its tools. Raises what creating a run by this plan would,
    InvalidInput beside `arguments`, and Conflict for a parent that older decision logic began."""
    if fork.arguments:
        raise InvalidInput(
            "a fork by another plan has the arguments that stand in the plan; leave the others out",
            code="input.fork_plan",
        )
    if parent.decision_version < BRAIN:
        raise Conflict(
            f"run {parent.run_id} was begun by decision version {parent.decision_version}, whose runs keep "
            f"the plans that they have; create a run by the new plan instead",
            code="conflict.fork_plan",
            context={"run_id": parent.run_id, "version": parent.decision_version},
        )
    new = NewRun(
        goal=fork.goal or parent.goal,
        plan=fork.plan,
        language=parent.language,
        sources=parent.sources,
        principal=fork.principal,
        sticky=parent.sticky or parent.run_id,
    )
    created = await prepare(parent.workspace_id, new)
    return replace(
        began,
        plan=created.plan,
        agents=created.agents,
        tools=created.tools,
        turn_micros=created.turn_micros,
    )


def asked_for(began: ev.RunForked) -> ev.RunForked:
    """What somebody asked for; what the parent did meanwhile, and the versions of the day, are no part of
    it."""
    return replace(began, outcomes=(), agents=(), tools={}, turn_micros={})
