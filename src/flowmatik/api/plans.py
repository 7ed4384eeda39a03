"""Plans as callers write them: what POST /v1/runs and schedules take as `plan`, and `run --plan` as a file.

The forms say what can be said; whether such a plan can run, and may, the engine says.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from flowmatik.contracts.approvals import ApprovalPolicy, Escalation
from flowmatik.contracts.criteria import MAX_CRITERIA, Criterion
from flowmatik.contracts.plans import (
    MAX_PLAN_TASKS,
    MAX_WAIT_SECONDS,
    MOST_CONCURRENT,
    MOST_ROUNDS,
    Compensation,
    Condition,
    MapSpec,
    PlanTask,
    RepeatSpec,
    SubRunSpec,
    VoteSpec,
    WaitSpec,
)
from flowmatik.contracts.runs import MAX_BUDGET_MICROS, MAX_DEADLINE_SECONDS, MAX_GOAL_CHARACTERS
from flowmatik.contracts.tools import Effect

Name = Annotated[str, Field(max_length=200)]
Names = Annotated[list[Name], Field(max_length=100)]
Words = Annotated[str, Field(max_length=MAX_GOAL_CHARACTERS)]
Micros = Annotated[int, Field(ge=0, le=MAX_BUDGET_MICROS)] | None
WaitSeconds = Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False)] | None
Deadline = Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS, allow_inf_nan=False)] | None
Failures = Annotated[int, Field(ge=0, strict=True)]


def _form_of(criterion: object) -> str:
    return "name" if isinstance(criterion, str) else "criterion"


PlannedCriterion = Annotated[
    Annotated[Literal["schema", "citations"], Tag("name")]
    | Annotated[Annotated[Criterion, Field(discriminator="check")], Tag("criterion")],
    Discriminator(_form_of),
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlannedWait(_Form):
    """The task only waits. `kind` "time": for `seconds` from its beginning, or `until` a moment (RFC 3339);
    "signal": for the signal `name`; "webhook": for a call of an address of its own. What comes is the task's
    output. After `timeout_seconds` without it the task fails, or goes on with nothing (`on_timeout`)."""

    kind: Literal["time", "signal", "webhook"]
    name: Name = ""
    seconds: WaitSeconds = None
    until: Name = ""
    timeout_seconds: WaitSeconds = None
    on_timeout: Literal["fail", "continue"] = "fail"

    def spec(self) -> WaitSpec:
        return WaitSpec(
            kind=self.kind,
            name=self.name,
            seconds=self.seconds,
            until=self.until,
            timeout_seconds=self.timeout_seconds,
            on_timeout=self.on_timeout,
        )


class PlannedEscalation(_Form):
    """`after_seconds` from the request on, these users may decide too."""

    after_seconds: float
    approvers: Names


class PlannedApproval(_Form):
    """People decide before the tool of the task is called. `approvers` are user names; without any, anybody
    with the scope `approvals:decide` is. `quorum`: how many must agree. After `expires_seconds`, `on_expiry`
    holds."""

    approvers: Names = []
    quorum: int = 1
    expires_seconds: float | None = None
    on_expiry: Literal["deny", "approve"] = "deny"
    escalations: list[PlannedEscalation] = []

    def policy(self) -> ApprovalPolicy:
        return ApprovalPolicy(
            approvers=tuple(self.approvers),
            quorum=self.quorum,
            expires_seconds=self.expires_seconds,
            on_expiry=self.on_expiry,
            escalations=tuple(
                Escalation(after_seconds=one.after_seconds, approvers=tuple(one.approvers))
                for one in self.escalations
            ),
        )


class PlannedCompensation(_Form):
    """The call of a tool that takes back what the step did, when the run ends by one of `when`. An argument
    may be `{"$result": "a.b"}`: that part of what the step gave."""

    tool: Name
    arguments: dict[str, Any] = {}
    when: list[Literal["cancel", "failure"]] = ["cancel", "failure"]

    def call(self) -> Compensation:
        return Compensation(tool=self.tool, arguments=self.arguments, when=tuple(self.when))


class PlannedRun(_Form):
    """A run within the run: for one `agent`, by a `plan` of its own, or planned as any run is.
    `budget_micros`: of what the outer run has left."""

    goal: Words
    agent: Name = ""
    plan: "Plan" = []
    budget_micros: Micros = None
    language: Name = ""
    deadline_seconds: Deadline = None

    def spec(self) -> SubRunSpec:
        return SubRunSpec(
            goal=self.goal,
            agent=self.agent,
            plan=tasks_of(self.plan),
            budget_micros=self.budget_micros,
            language=self.language,
            deadline_seconds=self.deadline_seconds,
        )


class PlannedMap(_Form):
    """A run for each item. `items`: a list, `{"task": id, "path": "a.b"}` of what an earlier task gave, or
    `{"$blob": …}`. In `run`, `{item}` in goals and objectives is the item, `{"$item": "a.b"}` in arguments
    a part of it. `on_failure`: how many failures are too many: "fail" is one, "continue" none."""

    items: Any
    run: PlannedRun
    concurrency: Annotated[int, Field(ge=1, le=MOST_CONCURRENT)] = 20
    on_failure: Literal["fail", "continue"] | Failures = "fail"

    def spec(self) -> MapSpec:
        return MapSpec(
            items=self.items,
            run=self.run.spec(),
            concurrency=self.concurrency,
            on_failure=self.on_failure,
        )


class PlannedVote(_Form):
    """The task counts what those that it needs say, which were asked the same: the answer of `quorum` of them
    holds (without it, of more than half); when they differ, the agent `judge` chooses."""

    quorum: Annotated[int, Field(ge=1, le=100)] | None = None
    judge: Name = ""

    def spec(self) -> VoteSpec:
        return VoteSpec(quorum=self.quorum, judge=self.judge)


class PlannedRepeat(_Form):
    """The task sends the earlier `task` back, with all between, unless `until` is true in its own output.
    After `rounds` in all it fails, or accepts what there is (`on_exhausted`)."""

    task: Name
    until: Annotated[str, Field(min_length=1, max_length=100)] = "approved"
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 3
    on_exhausted: Literal["fail", "accept"] = "fail"

    def spec(self) -> RepeatSpec:
        return RepeatSpec(
            task=self.task, until=self.until, rounds=self.rounds, on_exhausted=self.on_exhausted
        )


class PlannedCondition(_Form):
    """What must hold of what the earlier `task`, one of `needs`, gave at `path` ("a.b"; all of it without):
    it `equals` the `value` (true without one), is `not_equals`, is `one_of` a list, a number `above` or
    `below` it, or `exists`."""

    task: Name
    path: Name = ""
    test: Literal["equals", "not_equals", "one_of", "above", "below", "exists"] = "equals"
    value: Any = True

    def condition(self) -> Condition:
        return Condition(task=self.task, path=self.path, test=self.test, value=self.value)


class PlannedTask(_Form):
    """One task. `needs`: tasks whose outputs it gets. It is one of: the call of a `tool` with `arguments`, a
    `wait`, a `run` of its own, a `map`, a `vote`, or an `objective` for an `agent` or for whoever has the
    `skill`, who with `repeat` may send earlier tasks back. `criteria`: what the result must meet; names, or
    objects as in profiles. `effect` is the strongest that an agent's tools may have. `budget_micros`: in
    millionths of a dollar. `when`: all of it must hold, else the task is skipped; `otherwise` "continue":
    those that need it go on without it then."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    objective: Words = ""
    skill: Name = ""
    needs: Names = []
    criteria: Annotated[list[PlannedCriterion], Field(max_length=MAX_CRITERIA)] = ["schema", "citations"]
    effect: Effect = Effect.READ
    budget_micros: Micros = None
    agent: Name = ""
    tool: Name = ""
    arguments: dict[str, Any] = {}
    wait: PlannedWait | None = None
    approval: PlannedApproval | None = None
    compensation: PlannedCompensation | None = None
    run: PlannedRun | None = None
    map: PlannedMap | None = None
    vote: PlannedVote | None = None
    repeat: PlannedRepeat | None = None
    when: Annotated[list[PlannedCondition], Field(max_length=20)] = []
    otherwise: Literal["skip", "continue"] = "skip"

    def task(self) -> PlanTask:
        return PlanTask(
            id=self.id,
            objective=self.objective,
            skill=self.skill,
            needs=tuple(self.needs),
            criteria=tuple(one for one in self.criteria if isinstance(one, str)),
            checks=tuple(one for one in self.criteria if not isinstance(one, str)),
            effect=self.effect,
            budget_micros=self.budget_micros,
            agent=self.agent,
            tool=self.tool,
            arguments=self.arguments,
            wait=self.wait.spec() if self.wait else None,
            approval=self.approval.policy() if self.approval else None,
            compensation=self.compensation.call() if self.compensation else None,
            run=self.run.spec() if self.run else None,
            map=self.map.spec() if self.map else None,
            vote=self.vote.spec() if self.vote else None,
            repeat=self.repeat.spec() if self.repeat else None,
            when=tuple(one.condition() for one in self.when),
            otherwise=self.otherwise,
        )


Plan = Annotated[list[PlannedTask], Field(max_length=MAX_PLAN_TASKS)]
PlannedRun.model_rebuild()


def tasks_of(plan: list[PlannedTask]) -> tuple[PlanTask, ...]:
    """As the engine takes them."""
    return tuple(one.task() for one in plan)
