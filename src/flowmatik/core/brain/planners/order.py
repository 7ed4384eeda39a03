"""Who plans a run: the order of its planners, and what the profile of the agent that plans says."""

from flowmatik.contracts.agents import AgentVersion, Planning
from flowmatik.contracts.plans import PLANNERS
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.state import RunState

BY_ADVICE = {"playbook": "playbooks", "case": "cases"}  # planners, by whom they ask
BEFORE = ("model", "local")  # the planners of older versions
AS_USUAL = Planning()


def planner_of(state: RunState) -> AgentVersion | None:
    return next((a for a in state.created.agents if a.role == "planner"), None)


def planning_of(state: RunState) -> Planning:
    planner = planner_of(state)
    return (planner and planner.planning) or AS_USUAL


def order_of(state: RunState) -> tuple[str, ...]:
    """As the profile says; else the usual order, without those that nobody here could help."""
    if state.created.decision_version < BRAIN:
        return BEFORE
    if chosen := planning_of(state).order:
        return chosen
    return tuple(
        name for name in PLANNERS if name not in BY_ADVICE or BY_ADVICE[name] in state.created.advisers
    )
