"""decide(state) → commands: recall, plan, route, run, verify, re-plan once, answer.

Pure: the same state leads to the same commands. The runtime applies the events and asks again
until there is nothing more to decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from flowmatik.contracts.agents import AgentLoop, AgentVersion, CallModel, CallTool, LoopDone, LoopFailed
from flowmatik.contracts.plans import Plan, PlanTask
from flowmatik.contracts.runs import Check, TaskStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain import local_planner, plan
from flowmatik.core.brain.arithmetic import CALCULATES
from flowmatik.core.brain.fallback import SAYS_SO, instead_of_failed, instead_of_rejected, is_hopeless
from flowmatik.core.brain.outcome import outcome
from flowmatik.core.brain.prompts import finding_of
from flowmatik.core.brain.ranking import RANKS
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel.errors import PlanInvalid

PLAN_REPAIRS = 2
MODEL_TRIES = 2
FINAL_FAILURES = ("model.key", "model.credit")  # asking again cannot help
USED_UP = ("agent.turns", "agent.output.length", "agent.output.filtered")  # nor can another try
CODED = 2  # the decision version from which words for people carry a code and values
TASK_CAPS = 4  # from which the cap of a task ends that task, and not the run
STORES = 4  # from which a store that cannot be read ends what needs it: not found is another answer
RANK = {Effect.READ: 0, Effect.IDEMPOTENT: 1, Effect.ONCE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A decision that is an event in itself."""

    event: ev.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCall:
    """Ask a model (`name` is the model id) or call a tool."""

    kind: str
    name: str
    purpose: str
    task_id: str = ""
    arguments: dict[str, Any] | None = None
    tool_call_id: str = ""
    effect: Effect = Effect.READ


Command = Record | StartCall


def decide(state: RunState, loop: AgentLoop, now: str) -> list[Command]:
    """What follows from `state`; empty when the run waits for outcomes (or has ended)."""
    commands = _decide(state, loop, now)
    if state.created.decision_version >= CODED:
        return commands
    return [_uncoded(command) for command in commands]


def _uncoded(command: Command) -> Command:
    """As version 1 decided, which had nothing but words."""
    if not isinstance(command, Record):
        return command
    match command.event:
        case ev.PlanAdopted() | ev.TaskSkipped():
            return Record(event=replace(command.event, reason_code="", values={}))
        case ev.TaskFailed() | ev.RunFailed():
            return Record(event=replace(command.event, values={}))
        case _:
            return command


def _decide(state: RunState, loop: AgentLoop, now: str) -> list[Command]:
    if state.ended:
        return []
    if state.stopping:
        return _stop(state, now)
    if not state.tasks:
        return _make_plan(state, now)
    for task in state.live.values():
        commands = _advance(state, task, loop)
        if commands:
            return commands
    if not state.live and not state.open:
        return [Record(event=outcome(state, now))]
    return []


def _stop(state: RunState, now: str) -> list[Command]:
    if state.open.keys() - state.doubt.keys():
        return []  # the runtime aborts what may be aborted and waits for the rest
    if state.cancel is not None:
        return [Record(event=ev.RunCancelled(at=now, reason=state.cancel))]
    if state.deadline_passed:
        deadline = state.created.deadline_at
        message = f"the deadline {deadline} passed; give more time with a new run"
        return [_run_failed(now, "run.deadline", message, {"deadline": deadline})]
    if state.refused is None:
        return [_run_failed(now, "internal", "", {})]
    budget = state.created.budget_micros
    values = {} if budget is None else {"budget_usd": budget / 1e6, "spent_usd": state.spent_micros / 1e6}
    refused = state.refused
    return [_run_failed(now, refused.code, refused.message, {**values, **refused.values})]


def _run_failed(now: str, code: str, message: str, values: dict[str, Any]) -> Record:
    return Record(event=ev.RunFailed(at=now, code=code, message=message, values=values))


# --- plan -----------------------------------------------------------------------------------


def _make_plan(state: RunState, now: str) -> list[Command]:
    created = state.created
    if created.plan:
        return [Record(event=ev.PlanAdopted(planner="given", reason="", tasks=created.plan))]
    if created.agent:
        tools = (t for a in created.agents if a.name == created.agent for t in a.tools)
        strongest = max(
            (created.tools[t].effect for t in tools if t in created.tools),
            key=RANK.__getitem__,
            default=Effect.READ,
        )
        task = PlanTask(id="t1", objective=created.goal, agent=created.agent, effect=strongest)
        return [Record(event=ev.PlanAdopted(planner="single", reason="", tasks=(task,)))]
    recall = _recall(state)
    if recall or not {"recall", "recall_tables"} <= state.recall.keys() | _absent(state):
        return recall
    if state.away is not None and created.decision_version >= STORES:
        return [_run_failed(now, state.away.code, state.away.message, dict(state.away.values))]
    failure = state.plan_failure
    if failure and is_hopeless(failure.code) and state.created.decision_version >= SAYS_SO:
        return [_run_failed(now, failure.code, failure.message, dict(failure.values))]
    return _plan_from_recall(state)


def _absent(state: RunState) -> set[str]:
    names = {"recall": "memory_search", "recall_tables": "tables_describe"}
    return {purpose for purpose, tool in names.items() if tool not in state.created.tools}


def _recall(state: RunState) -> list[Command]:
    absent = _absent(state)
    if "recall" not in state.recall_asked | absent:
        arguments = {"query": state.created.goal[:2000], "limit": 8}
        return [StartCall(kind="tool", name="memory_search", purpose="recall", arguments=arguments)]
    if "recall_tables" not in state.recall_asked | absent:
        return [StartCall(kind="tool", name="tables_describe", purpose="recall_tables", arguments={})]
    return []


def _plan_from_recall(state: RunState) -> list[Command]:
    created = state.created
    if state.plan_open:
        return []
    no_model = created.model.startswith("local/") or state.plan_attempts > PLAN_REPAIRS
    if state.plan_failed or (no_model and state.plan_reply is None):
        return [Record(event=_adopted(_local_plan(state)))]
    if state.plan_reply is None:
        return [StartCall(kind="model", name=created.model, purpose="plan")]
    try:
        made = plan.parse_model_plan(state.plan_reply.text)
        tasks = plan.with_writer(made.tasks)
        plan.check(tasks, created.agents, frozenset(created.tools), created.decision_version)
    except PlanInvalid as error:
        faults = cast("list[str]", error.context["faults"])
        known = state.created.decision_version >= SAYS_SO
        details = tuple(cast("list[dict[str, Any]]", error.context["details"])) if known else ()
        return [Record(event=ev.PlanRejected(planner="model", errors=tuple(faults), details=details))]
    return [Record(event=_adopted(replace(made, tasks=tasks)))]


def _local_plan(state: RunState) -> Plan:
    tables = cast("dict[str, Any]", state.recall.get("recall_tables") or {})
    made = local_planner.plan(state.created.goal, tables, calculates=_calculates(state), ranks=_ranks(state))
    made = replace(made, tasks=plan.with_writer(made.tasks))
    if state.created.decision_version < SAYS_SO:
        return made
    if state.plan_failure is not None:
        return instead_of_failed(made, state.plan_failure)
    if state.plan_details:
        return instead_of_rejected(made, state.plan_details, state.plan_attempts)
    return made


def _ranks(state: RunState) -> bool:
    return state.created.decision_version >= RANKS


def _calculates(state: RunState) -> bool:
    """Whether the agent that gets what is for the tables can do arithmetic."""
    known = state.created.decision_version >= CALCULATES
    agent = next((a for a in state.created.agents if "tables" in a.skills), None)
    return known and agent is not None and "calculate" in agent.tools


def _adopted(made: Plan) -> ev.PlanAdopted:
    return ev.PlanAdopted(
        planner=made.planner, reason=made.reason, tasks=made.tasks, reason_code=made.code, values=made.values
    )


# --- one task -------------------------------------------------------------------------------


def _advance(state: RunState, task: TaskState, loop: AgentLoop) -> list[Command]:
    if task.status is TaskStatus.PENDING and not (task.spec.tool and task.asked):
        return _start(state, task)
    if task.spec.tool:
        return _finish_step(task)
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
    if task.spec.tool:
        pinned = state.created.tools[task.spec.tool]
        return [
            StartCall(
                kind="tool",
                name=task.spec.tool,
                purpose="step",
                task_id=task.spec.id,
                arguments=task.spec.arguments,
                effect=pinned.effect,
                tool_call_id="step",
            )
        ]
    agent = _route(state, task)
    if agent is None:
        message = f"no agent of this run has the skill {task.spec.skill!r}"
        return [_task_failed(task, "route.none", message)]
    reason = "named in the plan" if task.spec.agent else f"has the skill {task.spec.skill!r}"
    model = agent.model or state.created.model
    return [Record(event=ev.TaskRouted(task_id=task.spec.id, agent=agent.ref(), model=model, reason=reason))]


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
    return [
        StartCall(
            kind="tool",
            name=action.name,
            purpose="tool",
            task_id=task.spec.id,
            arguments=action.arguments,
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
    calculation = _calculates(state) and local_planner.is_calculation(task.spec.objective)
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
