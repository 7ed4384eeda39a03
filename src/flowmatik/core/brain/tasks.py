"""decide for one task: route, run, verify, re-plan once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.agents import AgentLoop, AgentVersion, CallModel, CallTool, LoopDone, LoopFailed
from flowmatik.contracts.runs import Check, TaskStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain import local_planner, subruns
from flowmatik.core.brain.arithmetic import calculates
from flowmatik.core.brain.commands import RANK, AskPeople, Command, Record, StartCall
from flowmatik.core.brain.gates import STORES
from flowmatik.core.brain.pauses import ask_people, start_wait
from flowmatik.core.brain.prompts import finding_of
from flowmatik.core.state import RunState, TaskState

MODEL_TRIES = 2
FINAL_FAILURES = ("model.key", "model.credit")  # asking again cannot help
STEP = "step"  # the one call of a task that is a call
USED_UP = ("agent.turns", "agent.output.length", "agent.output.filtered")  # nor can another try


def advance(state: RunState, task: TaskState, loop: AgentLoop) -> list[Command]:
    if task.status is TaskStatus.PENDING and not (task.spec.tool and (task.asked or task.error_code)):
        return _start(state, task)
    if task.spec.tool or task.spec.wait:
        return _finish_step(task)
    if task.spec.below is not None:
        return subruns.advance(state, task)
    if task.away is not None and state.created.decision_version >= STORES:
        return [_task_failed(task, task.away.code, task.away.message, task.away.values)]
    if task.verification is not None:
        return _judge(state, task)
    if task.verify_open or task.model_open or task.agent is None or task.loop is None:
        return []
    final = task.refused or task.error_code in FINAL_FAILURES or task.model_failures >= MODEL_TRIES
    if task.error_code and final:
        return [_task_failed(task, task.error_code, task.error)]
    commands: list[Command] = []
    for action in loop.next(task.agent, task.loop):
        commands.extend(_act(state, task, task.agent, action))
        if commands and isinstance(commands[-1], AskPeople):
            break  # the next one gets its own number
    return commands


def _start(state: RunState, task: TaskState) -> list[Command]:
    needed = [state.tasks[need] for need in task.spec.needs]
    gathers = task.spec.skill == "writing"
    lost = [other.spec.id for other in needed if other.status is not TaskStatus.SUCCEEDED]
    if lost and (not gathers or len(lost) == len(needed)):
        needs = ", ".join(lost)
        reason = f"it needs {needs}, which did not succeed"
        return [
            Record(
                event=ev.TaskSkipped(
                    task_id=task.spec.id, reason=reason, reason_code="task.needs", values={"needs": needs}
                )
            )
        ]
    if task.spec.wait is not None:
        return [start_wait(state, task, task.spec.wait)]
    if task.spec.below is not None:
        return subruns.advance(state, task)
    if task.spec.tool:
        return _start_step(state, task)
    agent = _route(state, task)
    if agent is None:
        message = f"no agent of this run has the skill {task.spec.skill!r}"
        return [_task_failed(task, "route.none", message)]
    reason = "named in the plan" if task.spec.agent else f"has the skill {task.spec.skill!r}"
    model = agent.model or state.created.model
    return [Record(event=ev.TaskRouted(task_id=task.spec.id, agent=agent.ref(), model=model, reason=reason))]


def _start_step(state: RunState, task: TaskState) -> list[Command]:
    spec = task.spec
    if spec.approval is not None and STEP not in task.granted:
        return [*ask_people(state, task, spec.approval, (STEP, spec.tool, spec.arguments))]
    return [
        StartCall(
            kind="tool",
            name=spec.tool,
            purpose="step",
            task_id=spec.id,
            arguments=task.granted.get(STEP, spec.arguments),
            effect=state.created.tools[spec.tool].effect,
            tool_call_id=STEP,
        )
    ]


def _route(state: RunState, task: TaskState) -> AgentVersion | None:
    if task.spec.agent:
        return state.agent_named(task.spec.agent)
    return next((a for a in state.created.agents if task.spec.skill in a.skills), None)


def _finish_step(task: TaskState) -> list[Command]:
    if task.error_code:
        return [_task_failed(task, task.error_code, task.error)]
    if task.step_done:
        return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
    return []


def _act(state: RunState, task: TaskState, agent: AgentVersion, action: object) -> list[Command]:
    match action:
        case CallModel():
            return [StartCall(kind="model", name=task.model, purpose="think", task_id=task.spec.id)]
        case CallTool():
            return _call_tool(state, task, agent, action)
        case LoopFailed():
            return _retry_or_fail(state, task, action.code, action.message)
        case LoopDone():
            if (
                finding_of(task) is not None
                and "citations_check" in state.created.tools
                and task.spec.criteria
            ):
                arguments = {"finding": action.output}
                return [
                    StartCall(
                        kind="tool",
                        name="citations_check",
                        purpose="verify",
                        task_id=task.spec.id,
                        arguments=arguments,
                    )
                ]
            return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
        case _:
            return []


def _call_tool(state: RunState, task: TaskState, agent: AgentVersion, action: CallTool) -> list[Command]:
    if action.tool_call_id in task.asked:
        return []
    pinned = state.created.tools.get(action.name)
    if pinned is None or action.name not in agent.tools or RANK[pinned.effect] > RANK[task.spec.effect]:
        # A rejected wish is an outcome like any other: the model is told and may do without.
        message = f"the tool {action.name!r} is not permitted in this task; do without it"
        return [
            Record(
                event=ev.ToolRefused(
                    task_id=task.spec.id, tool_call_id=action.tool_call_id, name=action.name, message=message
                )
            )
        ]
    policy = agent.approvals.get(action.name)
    if policy is not None and action.tool_call_id not in task.granted:
        return [*ask_people(state, task, policy, (action.tool_call_id, action.name, action.arguments))]
    return [
        StartCall(
            kind="tool",
            name=action.name,
            purpose="tool",
            task_id=task.spec.id,
            arguments=task.granted.get(action.tool_call_id, action.arguments),
            tool_call_id=action.tool_call_id,
            effect=pinned.effect,
        )
    ]


def _judge(state: RunState, task: TaskState) -> list[Command]:
    verdict = cast("dict[str, Any]", task.verification)
    if task.passed is None:
        checks = tuple(cast("Check", ev.check_of(c)) for c in verdict.get("checks", []))
        event = ev.TaskVerified(task_id=task.spec.id, passed=bool(verdict.get("passed")), checks=checks)
        return [Record(event=event)]
    if not task.passed:
        failed = "; ".join(f"{c.criterion}: {c.detail}" for c in task.checks if not c.passed)
        return _retry_or_fail(state, task, "verify.failed", failed or "verification failed")
    finding = finding_of(task)
    elsewhere = _other_skill(state, task)
    if finding is not None and not finding["found"] and elsewhere and not task.replanned:
        return [_replan(task, elsewhere, f"nothing was found with {task.spec.skill}: {finding['text']}")]
    return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]


def _other_skill(state: RunState, task: TaskState) -> str:
    skills = {skill for agent in state.created.agents for skill in agent.skills}
    if task.spec.skill != "tables" or "documents" not in skills:
        return ""
    calculation = calculates(state) and local_planner.is_calculation(task.spec.objective)
    return "" if calculation else "documents"  # no document knows better


def _retry_or_fail(_: RunState, task: TaskState, code: str, message: str) -> list[Command]:
    if task.replanned or code in USED_UP or task.spec.effect is not Effect.READ:
        return [_task_failed(task, code, message)]
    return [_replan(task, task.spec.skill, message)]


def _task_failed(
    task: TaskState, code: str, message: str, told: Mapping[str, object] | None = None
) -> Record:
    """With everything that a text about it may want to name."""
    values: dict[str, Any] = {"skill": task.spec.skill, "tool": task.spec.tool, "model": task.model}
    if task.agent is not None:
        values |= {"agent": task.agent.name, "turns": task.agent.max_turns}
        if code == "agent.output.length":
            values["tokens"] = task.agent.max_output_tokens
    known = {name: value for name, value in values.items() if value} | dict(told or {})
    if code == task.error_code:
        known |= task.error_values
    return Record(event=ev.TaskFailed(task_id=task.spec.id, code=code, message=message, values=known))


def _replan(task: TaskState, skill: str, reason: str) -> Record:
    spec = task.spec
    replacement = replace(spec, skill=skill)
    return Record(event=ev.TaskReplanned(task_id=spec.id, replacement=replacement, reason=reason))
