"""decide for one task: route, run, verify, re-plan once."""

from dataclasses import replace

from flowmatik.contracts.agents import AgentLoop, AgentVersion, CallModel, CallTool, LoopDone, LoopFailed
from flowmatik.contracts.runs import TaskStatus
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.core import events as ev
from flowmatik.core.brain import cascades, conditions, guarded, guarded_calls, guarded_steps, subruns
from flowmatik.core.brain.adapting import is_pending
from flowmatik.core.brain.commands import RANK, AskPeople, Command, Record, StartCall, StartSubRun
from flowmatik.core.brain.endings import replanned, retry_or_fail, task_failed
from flowmatik.core.brain.gates import BRAIN, STORES
from flowmatik.core.brain.patterns import calls, rounds, votes
from flowmatik.core.brain.pauses import ask_people, start_wait
from flowmatik.core.brain.planners.order import planner_of
from flowmatik.core.brain.pressure import eased
from flowmatik.core.brain.routing import route
from flowmatik.core.brain.verifying import judge, verify
from flowmatik.core.state import RunState, TaskState

MODEL_TRIES = 2
FINAL_FAILURES = ("model.key", "model.credit")  # asking again cannot help
STEP = "step"  # the one call of a task that is a call
ONE_BY_ONE = (AskPeople, StartSubRun, Record)


def advance(state: RunState, task: TaskState, loop: AgentLoop) -> list[Command]:
    begun = task.spec.tool and (guarded_steps.is_begun(task) or task.error_code)
    if task.status is TaskStatus.PENDING and not begun:
        return _start(state, task)
    if task.spec.tool or task.spec.wait:
        return _finish_step(task)
    if task.spec.below is not None:
        return subruns.advance(state, task)
    if task.chosen and task.spec.vote is not None:
        return votes.count(state, task, task.spec.vote)
    if task.away is not None and state.created.decision_version >= STORES:
        return [task_failed(task, task.away.code, task.away.message, task.away.values)]
    if task.held and (instead := guarded.results(state, task)):
        return instead
    if task.verification is not None:
        return judge(state, task)
    if task.verify_open or task.model_open or task.agent is None or task.loop is None:
        return []
    final = task.refused or task.error_code in FINAL_FAILURES or task.model_failures >= MODEL_TRIES
    if task.error_code and final:
        if cascades.escalates(task) and not task.refused:
            return [replanned(task, task.spec.skill, task.error)]
        return [task_failed(task, task.error_code, task.error)]
    commands: list[Command] = []
    for action in loop.next(task.agent, task.loop):
        commands.extend(_act(state, task, task.agent, action, loop))
        if commands and isinstance(commands[-1], ONE_BY_ONE):
            break  # what this one leaves decides about the next: numbers, money, the plan, the board
    return commands


def _start(state: RunState, task: TaskState) -> list[Command]:
    needed = [state.tasks[need] for need in task.spec.needs]
    gathers = task.spec.skill == "writing" or task.spec.vote is not None
    lost = [
        other.spec.id
        for other in needed
        if other.status is not TaskStatus.SUCCEEDED and not conditions.goes_on_without(other)
    ]
    if any(is_pending(state, state.tasks[need]) for need in lost):
        return []
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
    if task.spec.when and (skipped := conditions.unmet(state, task)):
        return skipped
    if task.spec.wait is not None:
        return [start_wait(state, task, task.spec.wait)]
    if task.spec.below is not None:
        return subruns.advance(state, task)
    if task.spec.tool:
        return _start_step(state, task)
    if task.spec.vote is not None:
        return votes.count(state, task, task.spec.vote)
    return eased(state) or guarded.routed(state, task, cascades.routed(state, task, route(state, task)))


def _start_step(state: RunState, task: TaskState) -> list[Command]:
    spec = task.spec
    arguments = guarded_steps.planned(state, task)
    if isinstance(arguments, list):
        return arguments
    if spec.approval is not None and STEP not in task.granted:
        return [*ask_people(state, task, spec.approval, (STEP, spec.tool, arguments))]
    if task.granted.get(STEP, arguments) != arguments:
        call = CallTool(tool_call_id=STEP, name=spec.tool, arguments=task.granted[STEP])
        arguments = guarded_steps.edited(state, task, planner_of(state), call)
        if isinstance(arguments, list):
            return arguments
    return [
        StartCall(
            kind="tool",
            name=spec.tool,
            purpose="step",
            task_id=spec.id,
            arguments=arguments,
            effect=state.created.tools[spec.tool].effect,
            tool_call_id=STEP,
        )
    ]


def _finish_step(task: TaskState) -> list[Command]:
    if task.error_code:
        return [task_failed(task, task.error_code, task.error)]
    if task.step_done:
        return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
    return []


def _act(
    state: RunState, task: TaskState, agent: AgentVersion, action: object, loop: AgentLoop
) -> list[Command]:
    match action:
        case CallModel():
            return cascades.ask(state, task, loop)
        case CallTool():
            return _call_tool(state, task, agent, action)
        case LoopFailed():
            return retry_or_fail(state, task, action.code, action.message)
        case LoopDone():
            return _done(state, task, action)
        case _:
            return []


def _done(state: RunState, task: TaskState, done: LoopDone) -> list[Command]:
    if cascades.declined(task):
        return [replanned(task, task.spec.skill, "the first model said that it cannot do it")]
    if task.spec.vote is not None:
        return votes.judged(state, task, done)
    if task.spec.repeat is not None:
        return rounds.judged(state, task, task.spec.repeat, done)
    return verify(state, task, done)


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
    if (instead := guarded_calls.stopped(state, task, agent, action)) is not None:
        return instead
    if action.name in TEAM_TOOLS and state.created.decision_version >= BRAIN:
        return calls.answered(state, task, agent, action)
    policy = agent.approvals.get(action.name)
    if policy is not None and action.tool_call_id not in task.granted:
        return [*ask_people(state, task, policy, (action.tool_call_id, action.name, action.arguments))]
    arguments = task.granted.get(action.tool_call_id, action.arguments)
    if arguments != action.arguments:
        call = replace(action, arguments=arguments)
        arguments = guarded_steps.edited(state, task, agent, call)
        if isinstance(arguments, list):
            return arguments
    return [
        StartCall(
            kind="tool",
            name=action.name,
            purpose="tool",
            task_id=task.spec.id,
            arguments=arguments,
            tool_call_id=action.tool_call_id,
            effect=pinned.effect,
        )
    ]
