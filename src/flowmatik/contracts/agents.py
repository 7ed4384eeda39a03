"""Agents: profiles as data, versions as content hashes, and the loop as a reducer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.authors import Author
from flowmatik.contracts.cascades import Cascade
from flowmatik.contracts.criteria import Criterion
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import Message, ModelReply, ToolSchema
from flowmatik.contracts.threads import ConversationPolicy
from flowmatik.contracts.tools import Effect

MAX_EXAMPLES = 100
MEMORY_TOKENS = 800
MAX_MODELS = 8  # that one agent can be given a choice of


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """How the runs of a planner's workspace get their plans. `order`: whom to ask, one after the other
    (contracts.plans.PLANNERS); () is the usual order. `approval`: people decide about the plan before its
    first task. `effects`: the strongest that a plan may have; None is no bound."""

    order: tuple[str, ...] = ()
    approval: ApprovalPolicy | None = None
    effects: Effect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """What an agent is told, in conversations, of what is remembered: `facts`, and `episodes` (older messages
    that speak of the goal), in at most about so many `tokens`."""

    facts: bool = True
    episodes: bool = True
    tokens: int = MEMORY_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentVersion:
    """One immutable version of a profile. `version` is the first 12 hex digits of the content hash of
    everything below it; `name` is the profile's name. `approvals`: tools that are not called before people
    have agreed. `examples`: tasks that it should get, as people would put them. `skill_folders`: names of
    SKILL.md folders that the agent may read and run. `criteria`: what each of its results must meet;
    `guardrails`: what may not reach or leave it. `conversation`: how it holds threads that say nothing
    themselves. `delegates`: agents that it may ask, each in a run of its own with no more rights than it has
    itself. `hand_over_to`: agents that may go on with its task. `frugal_model`: the one it has when what is
    left of the run's budget or time does not bear the rest of the plan. `planning`: of the role planner.
    `cascade`: cheap models that are asked before its own, which then is the strong one. `candidates`: models
    of which the router chooses one for each task; the first is `model`, and stands wherever nothing is
    chosen. `memory`: what it is told of what is remembered; None is as MemoryUse has it."""

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
    examples: tuple[str, ...] = ()
    skill_folders: tuple[str, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    conversation: ConversationPolicy | None = None
    delegates: tuple[str, ...] = ()
    hand_over_to: tuple[str, ...] = ()
    frugal_model: str = ""
    planning: Planning | None = None
    cascade: Cascade | None = None
    candidates: tuple[str, ...] = ()
    memory: MemoryUse | None = None

    def ref(self) -> str:
        return f"{self.name}@{self.version}"


class AgentDirectory(Protocol):
    """What runs need of a catalogue, per workspace. Raises NotFound (`not_found.agent`)."""

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        """The stable version of every agent, by name."""
        ...

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        """`name` (stable channel), `name@channel` or `name@version`; of a channel that versions share, the
        one with the largest weight."""
        ...


class AgentCatalogue(AgentDirectory, Protocol):
    """Versions per workspace. Raises NotFound (`not_found.agent`) and ProfileInvalid."""

    async def apply(
        self,
        workspace_id: str,
        text: str,
        *,
        filename: str,
        channel: str = ...,
        author: Author = ...,
    ) -> AgentVersion:
        """Validate YAML text, store it as an immutable version (the same content is the same
        version) and point `channel`, the stable one unless it is named, at it alone. Raises Conflict
        (`conflict.agent_blocked`) for a version that is blocked."""
        ...

    async def profile(self, workspace_id: str, ref: str) -> str:
        """The YAML text of `ref` as it was applied."""
        ...

    async def remove(self, workspace_id: str, name: str, *, author: Author = ...) -> None:
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
    heard: tuple[str, ...] = ()  # what a person said meanwhile, for the next turn
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

    def on_message(self, agent: AgentVersion, state: LoopState, text: str, *, speaking: bool) -> LoopState:
        """A person said something more. The model sees it at its next turn: after the reply that it is
        giving (`speaking`) and the outcomes of the tools that are pending. A reply that would have been the
        last one is not, then; a loop that is done stays so."""
        ...

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
