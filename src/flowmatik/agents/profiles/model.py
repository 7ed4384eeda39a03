"""What an agent profile may say."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from flowmatik.contracts.agents import MAX_EXAMPLES, MAX_MODELS, MEMORY_TOKENS, MemoryUse, Planning
from flowmatik.contracts.approvals import (
    MAX_APPROVAL_SECONDS,
    MAX_ESCALATIONS,
    MAX_QUORUM,
    ApprovalPolicy,
    Escalation,
)
from flowmatik.contracts.cascades import MAX_CHEAP, Agree, Cascade
from flowmatik.contracts.criteria import MAX_CRITERIA, Criterion
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import MODEL_PATTERN
from flowmatik.contracts.threads import HISTORY, MAX_HISTORY, ConversationPolicy, Interrupt
from flowmatik.contracts.tools import Effect

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Example = Annotated[str, Field(min_length=1, max_length=300)]
FolderName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Sentence = Annotated[str, Field(min_length=1, max_length=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Metadata(_Strict):
    name: Name


class Budgets(_Strict):
    """`usd` caps what one task of the agent may cost: before a call that could pass it, the task fails and
    the rest of the run goes on. `turns` caps the task's model calls, `output_tokens` each answer."""

    usd: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = None
    turns: Annotated[int, Field(ge=1, le=100)] = 8
    output_tokens: Annotated[int, Field(ge=1, le=200_000)] = 2048


Seconds = Annotated[float, Field(ge=0, le=MAX_APPROVAL_SECONDS, allow_inf_nan=False)]
People = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]


class EscalationRule(_Strict):
    """These users may decide too, `after_seconds` from the request on."""

    after_seconds: Seconds
    approvers: Annotated[People, Field(min_length=1)]


class ApprovalRule(_Strict):
    """Who decides before the tool is called: user names, or anybody with the scope `approvals:decide` when
    nobody is named. One denial denies."""

    approvers: People = []
    quorum: Annotated[int, Field(ge=1, le=MAX_QUORUM)] = 1
    expires_seconds: Seconds | None = None
    on_expiry: Literal["deny", "approve"] = "deny"
    escalations: Annotated[list[EscalationRule], Field(max_length=MAX_ESCALATIONS)] = []

    def policy(self) -> ApprovalPolicy:
        return ApprovalPolicy(
            approvers=tuple(self.approvers),
            quorum=self.quorum,
            expires_seconds=self.expires_seconds,
            on_expiry=self.on_expiry,
            escalations=tuple(
                Escalation(after_seconds=step.after_seconds, approvers=tuple(step.approvers))
                for step in self.escalations
            ),
        )


def _form_of(guardrail: object) -> str:
    return "sentence" if isinstance(guardrail, str) else "check"


def _named(guardrail: object) -> object:
    """YAML 1.1 takes the name `on` for a truth."""
    if not isinstance(guardrail, dict):
        return guardrail
    fields = cast("dict[object, object]", guardrail)
    return {"on" if name is True else name: value for name, value in fields.items()}


Rule = Annotated[
    Annotated[Sentence, Tag("sentence")] | Annotated[Guardrail, BeforeValidator(_named), Tag("check")],
    Discriminator(_form_of),
]
Asked = Annotated[Criterion, Field(discriminator="check")]


class ConversationRule(_Strict):
    """For threads that say nothing themselves. `interrupt`: what a message does that comes while a run is on:
    `queue` (it is answered after it), `steer` (it goes into the run) or `cancel` (the next run answers both).
    `history`: how many of the last messages are told word for word. `on_failure`: `person` gives the thread
    to a person when a run fails."""

    interrupt: Literal["queue", "steer", "cancel"] = "queue"
    history: Annotated[int, Field(ge=1, le=MAX_HISTORY)] = HISTORY
    on_failure: Literal["tell", "person"] = "tell"

    def policy(self) -> ConversationPolicy:
        return ConversationPolicy(
            interrupt=Interrupt(self.interrupt), history=self.history, on_failure=self.on_failure
        )


class MemoryRule(_Strict):
    """What the agent is told in conversations of what is remembered: `facts` about the person, the
    conversation, the agent, the team and the workspace; `episodes`, older messages that speak of the goal.
    All of it together has at most about `tokens` tokens."""

    facts: bool = True
    episodes: bool = True
    tokens: Annotated[int, Field(ge=50, le=8_000)] = MEMORY_TOKENS

    def use(self) -> MemoryUse:
        return MemoryUse(facts=self.facts, episodes=self.episodes, tokens=self.tokens)


Strategy = Literal["playbook", "case", "model", "local"]
Strategies = Annotated[list[Strategy], Field(min_length=1, max_length=8)]


class PlanningRules(_Strict):
    """For the role planner. `order`: who is asked for a plan, one after the other. `approval`: who agrees to
    a plan before its first task begins. `effects`: the strongest that a plan may have."""

    order: Strategies | None = None
    approval: ApprovalRule | None = None
    effects: Literal["read", "idempotent", "once"] | None = None

    def policy(self) -> Planning:
        return Planning(
            order=tuple(self.order or ()),
            approval=self.approval.policy() if self.approval else None,
            effects=Effect(self.effects) if self.effects else None,
        )


ModelName = Annotated[str, Field(pattern=MODEL_PATTERN)]


class CascadeRule(_Strict):
    """Cheap `models` are asked first. Two or three are asked each turn side by side: what two of them agree
    on stands, else `strong` is asked. One alone does the task, and `strong` does it again if it is not
    verified (`verify`, which also gives the second try of several to `strong`). `agree`: as what replies are
    compared; json where the output is JSON, else text. Tool calls are compared by names and arguments."""

    models: Annotated[list[ModelName], Field(min_length=1, max_length=MAX_CHEAP)]
    strong: ModelName
    agree: Agree | None = None
    verify: bool = False

    def cascade(self, output: object) -> Cascade:
        usual: Agree = "text" if output == "text" else "json"
        return Cascade(
            models=tuple(self.models), strong=self.strong, agree=self.agree or usual, verify=self.verify
        )


class ModelChoice(_Strict):
    """The models of which the router takes one for each task: by how such tasks went with each of them, what
    they cost, how long they took, and what is left of the budget. The first stands wherever nothing is
    chosen: in plans, votes, hand-overs, and where nobody can tell."""

    candidates: Annotated[list[ModelName], Field(min_length=2, max_length=MAX_MODELS)]


def _model_form(model: object) -> str:
    return "choice" if isinstance(model, dict | ModelChoice) else "name"


Model = Annotated[
    Annotated[ModelName, Tag("name")] | Annotated[ModelChoice, Tag("choice")], Discriminator(_model_form)
]


class Profile(_Strict):
    """An agent as its owner writes it. `output`: `text`, `finding` (a cited finding), or a JSON
    Schema. `model`: `default`, `<provider>/<name>` or a name of the model list, with tags if need be
    (`NAME@TAG`, `tag:TAG`), or `candidates`, of which the router takes one for each task.
    `guardrails`: sentences are rules that the model is
    told after its instructions, word for word; objects are checks that hold whatever a model does.
    `criteria`: what each result must meet before it counts. `approvals`: by tool, who must agree before each
    call of it. `examples`: tasks as people would put them that this agent should get; the router learns from
    them. `skill_folders`: folders with a SKILL.md, whose descriptions the model is told and whose files it
    reads when needed. `conversation`: how it holds threads. `delegates`: agents that this one may ask,
    with the tool `ask_agent`: each in a run of its own, with those of its tools that this one has too.
    `hand_over_to`: agents to whom it may leave its task, with `hand_over`. `frugal_model`: the cheaper one
    for when the rest of a plan would not fit into what is left. `planning`: how runs get their plans, for the
    role planner. `cascade`: cheap models that are asked before a strong one.
    `memory`: what it is told of what is remembered."""

    apiVersion: Literal["flowmatik/v1"]  # the field's name in the file format
    kind: Literal["Agent"]
    metadata: Metadata
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    role: Annotated[str, Field(min_length=1, max_length=60)]
    instructions: Annotated[str, Field(min_length=1, max_length=50_000)]
    skills: Annotated[list[Name], Field(max_length=50)] = []
    tools: Annotated[list[ToolName], Field(max_length=100)] = []
    model: Model = "default"
    output: Literal["text", "finding"] | dict[str, Any] = "text"
    budgets: Budgets = Budgets()
    memory_scopes: list[Literal["workspace"]] = ["workspace"]
    guardrails: Annotated[list[Rule], Field(max_length=50)] = []
    approvals: dict[ToolName, ApprovalRule] = {}
    examples: Annotated[list[Example], Field(max_length=MAX_EXAMPLES)] = []
    skill_folders: Annotated[list[FolderName], Field(max_length=50)] = []
    criteria: Annotated[list[Asked], Field(max_length=MAX_CRITERIA)] = []
    conversation: ConversationRule | None = None
    delegates: Annotated[list[Name], Field(max_length=20)] = []
    hand_over_to: Annotated[list[Name], Field(max_length=20)] = []
    frugal_model: ModelName | None = None
    planning: PlanningRules | None = None
    cascade: CascadeRule | None = None
    memory: MemoryRule | None = None

    def candidates(self) -> tuple[str, ...]:
        return () if isinstance(self.model, str) else tuple(self.model.candidates)

    def first_model(self) -> str:
        return self.model if isinstance(self.model, str) else self.model.candidates[0]

    def sentences(self) -> list[str]:
        return [rule for rule in self.guardrails if isinstance(rule, str)]

    def rails(self) -> list[tuple[int, Guardrail]]:
        """With their numbers in the list."""
        return [(n, rule) for n, rule in enumerate(self.guardrails) if isinstance(rule, Guardrail)]


def profile_json_schema() -> dict[str, Any]:
    """The JSON Schema that editors can check profiles with."""
    schema = Profile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flowmatik agent profile"} | {
        key: value for key, value in schema.items() if key != "title"
    }
