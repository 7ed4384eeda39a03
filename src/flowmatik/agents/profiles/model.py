"""What an agent profile may say."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowmatik.contracts.agents import Planning
from flowmatik.contracts.approvals import (
    MAX_APPROVAL_SECONDS,
    MAX_ESCALATIONS,
    MAX_QUORUM,
    ApprovalPolicy,
    Escalation,
)
from flowmatik.contracts.tools import Effect

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
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


class Profile(_Strict):
    """An agent as its owner writes it. `output`: `text`, `finding` (a cited finding), or a JSON
    Schema. `model`: `default` or `<provider>/<name>`. `guardrails`: rules that the model is told
    after its instructions, word for word; what must hold whatever a model does belongs into tools,
    budgets and approvals. `approvals`: by tool, who must agree before each call of it. `planning`: how runs
    get their plans, for the role planner."""

    apiVersion: Literal["flowmatik/v1"]  # the field's name in the file format
    kind: Literal["Agent"]
    metadata: Metadata
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    role: Annotated[str, Field(min_length=1, max_length=60)]
    instructions: Annotated[str, Field(min_length=1, max_length=50_000)]
    skills: Annotated[list[Name], Field(max_length=50)] = []
    tools: Annotated[list[ToolName], Field(max_length=100)] = []
    model: Annotated[str, Field(pattern=r"^(default|[a-z0-9_]+/.+)$")] = "default"
    output: Literal["text", "finding"] | dict[str, Any] = "text"
    budgets: Budgets = Budgets()
    memory_scopes: list[Literal["workspace"]] = ["workspace"]
    guardrails: Annotated[list[Sentence], Field(max_length=50)] = []
    approvals: dict[ToolName, ApprovalRule] = {}
    planning: PlanningRules | None = None


def profile_json_schema() -> dict[str, Any]:
    """The JSON Schema that editors can check profiles with."""
    schema = Profile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flowmatik agent profile"} | {
        key: value for key, value in schema.items() if key != "title"
    }
