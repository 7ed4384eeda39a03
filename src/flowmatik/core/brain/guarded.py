"""decide where an agent has guardrails: in its prompt, in results of its tools, in its output."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.guardrails import GUARD, Found, OnFail, Side
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.endings import retry_or_fail, task_failed
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.pauses import ask_people
from flowmatik.core.brain.prompts import task_prompt
from flowmatik.core.guards.guarding import STRONGEST, hidden, text_in, tripped
from flowmatik.core.state import RunState, TaskState

PROMPT, OUTPUT = "prompt", "output"  # as the fold calls these places
DENIED = "guardrail.denied"
_REFUSE: OnFail = "refuse"
MOST_SHOWN = 1000  # characters of a text that people decide about


def routed(state: RunState, task: TaskState, commands: list[Command]) -> list[Command]:
    """`commands`, which route the task, or what comes before: nobody is told a prompt that may not pass."""
    if state.created.decision_version < BRAIN:
        return commands
    routes = (one.event for one in commands if isinstance(one, Record))
    event = next((one for one in routes if isinstance(one, ev.TaskRouted)), None)
    agent = state.agent_named(event.agent) if event is not None else None
    if agent is None or not agent.guardrails:
        return commands
    prompt = task_prompt(state, task)
    seen = task.tripped.get(PROMPT)
    if seen is not None:
        instead = _stopped(state, task, agent, seen, prompt)
        return commands if instead is None else instead
    trip = tripped(agent.guardrails, "input", prompt)
    if trip is None:
        return commands
    action: OnFail = _REFUSE if trip.action == "retry" else trip.action  # nobody could write another prompt
    fixed = trip.fixed if trip.changed else None
    found = ev.GuardrailTripped(
        task_id=task.spec.id, place=PROMPT, action=action, findings=trip.findings, fixed=fixed
    )
    return [Record(event=found)]


def results(state: RunState, task: TaskState) -> list[Command]:
    """What becomes of results that the agent has not been told yet."""
    for call_id, held in task.held.items():
        seen = task.tripped.get(call_id)
        if seen is None:
            action: OnFail = next(one for one in STRONGEST if any(row.on_fail == one for row in held.found))
            found = ev.GuardrailTripped(
                task_id=task.spec.id, place=call_id, action=action, findings=held.found
            )
            return [Record(event=found)]
        if task.agent is None:
            continue
        instead = _stopped(state, task, task.agent, seen, held.result)
        if instead:
            return instead
    return []


def output(state: RunState, task: TaskState, agent: AgentVersion, given: Any) -> list[Command] | None:
    """None when the output may go on to be verified."""
    seen = task.tripped.get(OUTPUT)
    if seen is None:
        trip = tripped(agent.guardrails, "output", given)
        if trip is None:
            return None
        fixed = trip.fixed if trip.changed else None
        found = ev.GuardrailTripped(
            task_id=task.spec.id, place=OUTPUT, action=trip.action, findings=trip.findings, fixed=fixed
        )
        return [Record(event=found)]
    if seen.action == "retry":
        message = f"guardrails found {told(seen.findings)} in the result; answer without it"
        return retry_or_fail(state, task, "guardrail.failed", message)
    return _stopped(state, task, agent, seen, given)


def _stopped(
    state: RunState, task: TaskState, agent: AgentVersion, seen: ev.GuardrailTripped, value: Any
) -> list[Command] | None:
    """None when it passes; nothing while people have not decided."""
    if task.error_code == DENIED:
        return [task_failed(task, task.error_code, task.error)]
    if seen.action == "refuse":
        values = {"agent": agent.name, "found": told(seen.findings), "place": _place(task, seen.place)}
        message = f"guardrails of {agent.name} found {values['found']} in the {values['place']}"
        return [task_failed(task, "guardrail.refused", message, values)]
    if seen.action != "escalate" or f"{GUARD}:{seen.place}" in task.granted:
        return None
    side: Side = "output" if seen.place == OUTPUT else "tool_results" if seen.place in task.held else "input"
    shown = text_in(hidden(agent.guardrails, side, value))
    return put_to_people(state, task, agent, seen, (_place(task, seen.place), shown))


def put_to_people(
    state: RunState, task: TaskState, agent: AgentVersion, seen: ev.GuardrailTripped, shown: tuple[str, str]
) -> list[Command]:
    """`shown`: the place in words, and its text with everything hidden that can be."""
    place, text = shown
    arguments = {
        "place": place,
        "found": [{"check": one.check, "kind": one.kind, "count": one.count} for one in seen.findings],
        "text": text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…",
    }
    policy = _policy(agent, seen.findings)
    return [*ask_people(state, task, policy, (f"{GUARD}:{seen.place}", GUARD, arguments))]


def _policy(agent: AgentVersion, findings: Sequence[Found]) -> ApprovalPolicy:
    """Of the guardrail that asks people; where none of them does, of the first."""
    rail = next((one.rail for one in findings if one.on_fail == "escalate"), findings[0].rail)
    return agent.guardrails[rail].approval


def _place(task: TaskState, place: str) -> str:
    """In words: a tool's result by its tool."""
    held = task.held.get(place)
    return place if held is None else held.name


def told(findings: Sequence[Found]) -> str:
    """Kinds and counts, as texts and agents are told them."""
    counts: dict[str, int] = {}
    for one in findings:
        if one.on_fail != "fix":
            counts[one.kind] = counts.get(one.kind, 0) + one.count
    return ", ".join(f"{kind} ({count})" for kind, count in counts.items())
