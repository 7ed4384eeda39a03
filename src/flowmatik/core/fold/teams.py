"""What agents of a run do together: votes, rounds, what is handed over, and the board."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentLoop, ToolOutcome
from flowmatik.contracts.models import Message
from flowmatik.contracts.team_tools import BOARD_READ, BOARD_WRITE
from flowmatik.core import events as ev
from flowmatik.core.brain.prompts import task_output
from flowmatik.core.fold.advice import forget
from flowmatik.core.fold.approvals import withdraw
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.fold.ordering import order
from flowmatik.core.state import Note, RunState, TaskState


def told(state: RunState, task_id: str, outcome: ToolOutcome, loop: AgentLoop) -> None:
    task = state.tasks[task_id]
    task.asked.add(outcome.tool_call_id)
    if task.agent is not None and task.loop is not None:
        task.loop = loop.on_tool(task.agent, task.loop, outcome)


def _counted(state: RunState, event: ev.VoteCounted, _: AgentLoop) -> None:
    state.tasks[event.task_id].counted = event.groups
    if event.agreed:
        _take_over(state, event.task_id, event.agreed)


def _judged(state: RunState, event: ev.VoteJudged, _: AgentLoop) -> None:
    _take_over(state, event.task_id, event.choice)


def _take_over(state: RunState, task_id: str, chosen: str) -> None:
    """The answer of another task, with what it rests on."""
    task, other = state.tasks[task_id], state.tasks[chosen]
    task.chosen, task.loop = chosen, None
    task.output, task.verification = task_output(other), other.verification
    task.checks, task.passed = other.checks, other.passed


def _repeated(state: RunState, event: ev.RoundRepeated, _: AgentLoop) -> None:
    for n, task_id in enumerate(event.again):
        withdraw(state, task_id)
        forget(state, task_id)
        notes = event.notes if n == 0 else ()
        spec = state.tasks[task_id].spec
        state.tasks[task_id] = TaskState(spec=spec, round=event.round, notes=notes)
    order(state)


def _passed(state: RunState, event: ev.GatePassed, _: AgentLoop) -> None:
    state.tasks[event.task_id].passed_gate = True


def _handed_over(state: RunState, event: ev.TaskHandedOver, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    agent = state.agent_named(event.agent)
    if agent is None or task.agent is None or task.loop is None:
        return
    task.asked.add(event.tool_call_id)
    task.handed = (*task.handed, task.agent.name)
    result = {"handed_over_to": agent.name}
    left = loop.on_tool(
        task.agent, task.loop, ToolOutcome(tool_call_id=event.tool_call_id, name="hand_over", result=result)
    )
    fresh = loop.start(agent, "", state.created.decision_version)
    went = f"{task.agent.name} has handed this over to you; go on from here."
    note = Message(role="user", content=f"{went} {event.note}".rstrip())
    # Turns go on, for they number the calls; the agent has as many as ever.
    messages = (fresh.messages[0], *left.messages[1:], note)
    task.loop = replace(fresh, messages=messages, turns=left.turns)
    task.agent = replace(agent, max_turns=agent.max_turns + left.turns)
    task.model = event.model


def _written(state: RunState, event: ev.BoardWritten, loop: AgentLoop) -> None:
    state.board[event.key] = Note(value=event.value, task_id=event.task_id)
    result = {"written": event.key}
    outcome = ToolOutcome(tool_call_id=event.tool_call_id, name=BOARD_WRITE, result=result)
    told(state, event.task_id, outcome, loop)


def _read(state: RunState, event: ev.BoardRead, loop: AgentLoop) -> None:
    notes = {event.key: state.board[event.key]} if event.key else state.board
    rows: dict[str, Any] = {key: {"value": one.value, "by": one.task_id} for key, one in notes.items()}
    outcome = ToolOutcome(tool_call_id=event.tool_call_id, name=BOARD_READ, result={"notes": rows})
    told(state, event.task_id, outcome, loop)


HANDLERS: Handlers = {
    ev.VoteCounted: _counted,
    ev.VoteJudged: _judged,
    ev.RoundRepeated: _repeated,
    ev.GatePassed: _passed,
    ev.TaskHandedOver: _handed_over,
    ev.BoardWritten: _written,
    ev.BoardRead: _read,
}
