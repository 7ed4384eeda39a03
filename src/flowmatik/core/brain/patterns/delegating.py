"""decide for an agent that asks another one: a run of its own, which may do no more than the agent itself."""

from typing import Any

from flowmatik.contracts.agents import AgentVersion, CallTool
from flowmatik.contracts.plans import DEEPEST_RUN
from flowmatik.contracts.runs import MAX_GOAL_CHARACTERS
from flowmatik.core.brain.commands import StartSubRun
from flowmatik.core.brain.subruns import shared_out
from flowmatik.core.state import RunState, TaskState


def asked(state: RunState, task: TaskState, agent: AgentVersion, call: CallTool) -> StartSubRun | str | None:
    """The sub-run, or what the agent is told instead; None while the money for it may come back from what is
    under way."""
    name: Any = call.arguments.get("agent")
    goal: Any = call.arguments.get("goal")
    if not isinstance(name, str) or name not in agent.delegates:
        known = ", ".join(agent.delegates) or "nobody"
        return f"{agent.name} may not ask {name!r}; it may ask {known}"
    if not isinstance(goal, str) or not goal.strip() or len(goal) > MAX_GOAL_CHARACTERS:
        return f"goal must be text of at most {MAX_GOAL_CHARACTERS:,} characters"
    above = (*state.created.ancestry, agent.name)
    if name in above:
        way = " → ".join((*above, name))
        return f"{name} is asked already, and would be asked in a circle ({way}); do without it"
    if state.created.depth + 1 >= DEEPEST_RUN:
        return f"at most {DEEPEST_RUN - 1} agents may ask one for another; do without it"
    if (other := state.agent_named(name)) is None:
        return f"this run has no agent {name!r}; do without it"
    waits, budget = shared_out(state, task.spec, other.budget_micros, slots=1)
    if waits:
        return None
    return StartSubRun(
        task_id=task.spec.id,
        budget_micros=budget,
        tool_call_id=call.tool_call_id,
        caller=agent.ref(),
        agent=other.ref(),
        goal=goal,
        effect=task.spec.effect,
    )
