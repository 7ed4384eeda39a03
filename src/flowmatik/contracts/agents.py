"""Agents: profiles as data, versions as content hashes, and the loop as a reducer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.models import Message, ModelReply, ToolSchema
from flowmatik.contracts.tools import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """How the runs of a planner's workspace get their plans. `order`: whom to ask, one after the other
    (contracts.plans.PLANNERS); () is the usual order. `approval`: people decide about the plan before its
    first task. `effects`: the strongest that a plan may have; None is no bound."""

    order: tuple[str, ...] = ()
    approval: ApprovalPolicy | None = None
    effects: Effect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentVersion:
    """One immutable version of a profile. `version` is the first 12 hex digits of the content
    hash of everything below it; `name` is the profile's name. `approvals`: tools that are not called before
    people have agreed. `planning` is for the role planner."""

    name: str
    version: str
    role: str  # planner | researcher | analyst | verifier | writer | any other text
    summary: str
    instructions: str
    skills: tuple[str, ...] = ()  # what tasks it can take, e.g. "documents", "tables"
    tools: tuple[str, ...] = ()  # names in the ToolBox
    model: str = ""  # "" = the installation's default
    output_schema: dict[str, Any] | None = None
    max_turns: int = 8
    max_output_tokens: int = 2048
    budget_micros: int | None = None
    memory_scopes: tuple[str, ...] = ("workspace",)
    approvals: dict[str, ApprovalPolicy] = field(default_factory=lambda: {})
    planning: Planning | None = None

    def ref(self) -> str:
        return f"{self.name}@{self.version}"


class AgentDirectory(Protocol):
    """What runs need of a catalogue, per workspace. Raises NotFound (`not_found.agent`)."""

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        """The stable version of every agent, by name."""
        ...

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        """`name` (stable channel) or `name@version`."""
        ...


class AgentCatalogue(AgentDirectory, Protocol):
    """Versions per workspace. Raises NotFound (`not_found.agent`) and ProfileInvalid."""

    async def apply(self, workspace_id: str, text: str, *, filename: str) -> AgentVersion:
        """Validate YAML text, store it as an immutable version (the same content is the same
        version) and point the stable channel at it."""
        ...

    async def profile(self, workspace_id: str, ref: str) -> str:
        """The YAML text of `ref` as it was applied."""
        ...

    async def remove(self, workspace_id: str, name: str) -> None:
        """No new run gets the agent. Its versions stay, for runs that have them and to be applied again.
        Raises Conflict (`conflict.shipped_agent`) for one that the product itself counts on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallModel:
    """The loop wants the model to speak next."""

    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    output_schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTool:
    """The loop wants a tool; `tool_call_id` pairs the outcome with the model's wish."""

    tool_call_id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopDone:
    """`output` is JSON when the agent has an output schema, else text."""

    output: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFailed:
    code: str
    message: str


LoopAction = CallModel | CallTool | LoopDone | LoopFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """Everything that the loop knows; a pure function of the outcomes fed to it."""

    messages: tuple[Message, ...]
    turns: int = 0
    pending: tuple[CallTool, ...] = ()  # asked for, no outcome yet
    repairs: int = 0  # unreadable or schema-breaking outputs so far
    cut: int = 0  # the last replies, one after the other, that were cut off
    version: int = 0  # of the decision logic by which it began, and goes on
    done: LoopDone | LoopFailed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What came of a tool call: `result`, or `error` as told to the model."""

    tool_call_id: str
    name: str
    result: Any = None
    error: str = ""


class AgentLoop(Protocol):
    """Pure: no I/O, no clock, no randomness. The engine folds outcomes through it, those of old runs too:
    it does with them what it did when they were made."""

    @property
    def fold_version(self) -> str:
        """Changes whenever what follows from an outcome may; no snapshot of another one is believed."""
        ...

    def start(self, agent: AgentVersion, prompt: str, version: int) -> LoopState:
        """`version`: of the decision logic that the run is pinned to."""
        ...

    def on_model(self, agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
        """Validates tool-call arguments being JSON objects and the final text against the
        output schema; a bad output is told back to the model at most twice, then fails. A reply that was
        cut off calls no tool and is no answer: that is told back once."""
        ...

    def on_tool(self, agent: AgentVersion, state: LoopState, outcome: ToolOutcome) -> LoopState: ...

    def next(self, agent: AgentVersion, state: LoopState) -> Sequence[LoopAction]:
        """What to do now: one CallModel, or the pending CallTools (all may run at once), or
        exactly one LoopDone/LoopFailed. Never empty."""
        ...


class ToolSchemas(Protocol):
    def __call__(self, names: Sequence[str]) -> tuple[ToolSchema, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verifier's word on a finding. `checks` are (criterion, passed, detail, code, values)."""

    passed: bool
    checks: tuple[tuple[str, bool, str, str, dict[str, Any]], ...] = ()
    kind: Literal["finding", "answer"] = "finding"
    notes: tuple[str, ...] = field(default=())
