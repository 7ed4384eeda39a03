"""Calls of models and tools: intents, outcomes, doubts, and the money for them."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.guardrails import Found
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.tools import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequested:
    """The intent, committed before the effect. A model call's messages follow from the state,
    so only their hash is kept."""

    call_id: str
    kind: str  # "model" | "tool"
    name: str
    purpose: str
    task_id: str
    effect: Effect
    idempotency_key: str
    at: str
    start_by: str
    timeout: float
    key_ttl: float = 86_400.0
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    tool_call_id: str = ""
    request_hash: str = ""
    reserved_micros: int = 0
    undo_micros: int = 0  # of a step, what is set aside besides to take it back, until the run has ended
    priced: bool = True  # False: nobody knows what it may cost, and nothing is reserved
    scopes: tuple[str, ...] | None = None  # the shared caps that bear it; None: all that the run draws on


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPostponed:
    """A `once` effect that has not begun, and may begin until a later time."""

    call_id: str
    at: str
    start_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused:
    """The call was not made: no money, or no provable bound under a cap. `of_task`: under the cap of its
    task alone, which ends with it; else the run does."""

    call_id: str
    purpose: str
    task_id: str
    tool_call_id: str
    code: str
    message: str
    values: dict[str, Any] = field(default_factory=lambda: {})
    of_task: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSucceeded:
    """`simulated`: it was not made; this is what the run that this one was forked from got. `guarded`: what
    the agent's guardrails found in the result, in which whatever is to be fixed is fixed; of a model's reply
    what was fixed in the arguments of its tool calls (places begin with the call's number, from 0).
    `instead_micros`: of a cheap model, what the strong one of its cascade would have cost for the same
    tokens, by the prices of the moment; None if nobody knows. `paid`: to which provider the cost went, by id,
    where several were paid or caps of providers bear the call; None: every one that might have served bears
    the whole of it."""

    call_id: str
    result: Any = None
    reply: ModelReply | None = None
    cost_micros: int = 0
    simulated: bool = False
    guarded: tuple[Found, ...] = ()
    instead_micros: int | None = None
    paid: dict[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """A definite failure: nothing took effect (or, for a model, nothing usable came back). `message`
    says in English what `code` and `values` say for the catalogues. `unpriced`: it may have cost something
    of which nobody can say how much. `simulated` and `paid` as of CallSucceeded."""

    call_id: str
    code: str
    message: str
    cost_micros: int = 0
    unpriced: bool = False
    values: dict[str, Any] = field(default_factory=lambda: {})
    simulated: bool = False
    paid: dict[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInDoubt:
    """An effect whose outcome nobody can tell; a person decides. `why` says in English what
    `code` and `values` say for the catalogues."""

    call_id: str
    why: str
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtResolved:
    call_id: str
    resolution: str  # "done" | "repeat" | "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllotmentCounted:
    """What the run holds of each shared cap: when a new owner takes it up, and when it gave back what
    it did not need."""

    held: dict[str, int] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class AllotmentGranted:
    """An amount of each shared cap that was short."""

    n: int
    amounts: dict[str, int] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRefused:
    """A model wished for a tool that its task may not use; the model is told."""

    task_id: str
    tool_call_id: str
    name: str
    message: str
