"""decide for a task that its agent leaves to another one. Nobody gets it twice: it goes in no circle."""

from typing import Any

from flowmatik.contracts.agents import AgentVersion, CallTool
from flowmatik.core import events as ev
from flowmatik.core.brain.adapting import model_of
from flowmatik.core.state import RunState, TaskState

LONGEST_NOTE = 2000


def handed_over(state: RunState, task: TaskState, agent: AgentVersion, call: CallTool) -> ev.Event | str:
    """The decision, or what the agent is told instead."""
    name: Any = call.arguments.get("agent")
    known = ", ".join(agent.hand_over_to) or "nobody"
    if not isinstance(name, str) or name not in agent.hand_over_to:
        return f"{agent.name} may not hand over to {name!r}; it may to {known}"
    if name == agent.name or name in task.handed:
        way = " → ".join((*task.handed, agent.name, name))
        return f"{name} had this already ({way}), and it would go in a circle; finish it yourself"
    if (other := state.agent_named(name)) is None:
        return f"this run has no agent {name!r}; finish it yourself"
    if task.loop is not None and len(task.loop.pending) > 1:
        return "to hand over must be the only call of a reply; wait for what the others give"
    note = str(call.arguments.get("note", ""))[:LONGEST_NOTE]
    return ev.TaskHandedOver(
        task_id=task.spec.id,
        tool_call_id=call.tool_call_id,
        agent=other.ref(),
        model=model_of(state, other),
        note=note,
    )
