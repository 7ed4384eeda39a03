"""decide for tools that the Brain answers itself."""

from flowmatik.contracts.agents import AgentVersion, CallTool
from flowmatik.contracts.team_tools import ASK_AGENT, HAND_OVER, PROPOSE_TASKS
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.patterns import boards, delegating, handing, proposing
from flowmatik.core.state import RunState, TaskState


def answered(state: RunState, task: TaskState, agent: AgentVersion, call: CallTool) -> list[Command]:
    """Of a tool of TEAM_TOOLS that the agent has."""
    if call.name == ASK_AGENT:
        made = delegating.asked(state, task, agent, call)
        if made is None:
            return []
        return [made] if not isinstance(made, str) else [refused(task, call, made)]
    if call.name == PROPOSE_TASKS:
        return [Record(event=proposing.proposed(state, task, call))]
    if call.name == HAND_OVER:
        decided = handing.handed_over(state, task, agent, call)
    else:
        decided = boards.noted(state, task, call)
    return [refused(task, call, decided) if isinstance(decided, str) else Record(event=decided)]


def refused(task: TaskState, call: CallTool, message: str) -> Record:
    """An outcome like any other: the model is told and may do without."""
    return Record(
        event=ev.ToolRefused(
            task_id=task.spec.id, tool_call_id=call.tool_call_id, name=call.name, message=message
        )
    )
