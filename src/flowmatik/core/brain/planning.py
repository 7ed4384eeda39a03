"""decide for a run without a plan: recall, plan, and plan again when the model's cannot run."""

from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.plans import Plan, PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain import local_planner, plan
from flowmatik.core.brain.arithmetic import calculates
from flowmatik.core.brain.commands import RANK, Command, Record, StartCall
from flowmatik.core.brain.conversation import remember
from flowmatik.core.brain.fallback import SAYS_SO, instead_of_failed, instead_of_rejected, is_hopeless
from flowmatik.core.brain.gates import STORES
from flowmatik.core.brain.ranking import RANKS
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import PlanInvalid

PLAN_REPAIRS = 2


def make_plan(state: RunState, now: str) -> list[Command]:
    created = state.created
    if (remembering := remember(state)) is not None:
        return remembering
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
    made = local_planner.plan(state.created.goal, tables, calculates=calculates(state), ranks=_ranks(state))
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


def _adopted(made: Plan) -> ev.PlanAdopted:
    return ev.PlanAdopted(
        planner=made.planner, reason=made.reason, tasks=made.tasks, reason_code=made.code, values=made.values
    )


def _run_failed(now: str, code: str, message: str, values: dict[str, Any]) -> Record:
    return Record(event=ev.RunFailed(at=now, code=code, message=message, values=values))
