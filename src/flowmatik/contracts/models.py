"""What a model call is: messages in, one reply out, with usage and cost.

Money is integer micro-dollars (1 USD = 1_000_000) everywhere.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

_WORD = "[a-z0-9][a-z0-9._-]*"
# `<provider>/<name>`, a name of the model list, `NAME@TAG+TAG` or `tag:TAG+TAG`.
MODEL_PATTERN = rf"^([a-z0-9_]+/.+|{_WORD}(@{_WORD}(\+{_WORD})*)?|tag:{_WORD}(\+{_WORD})*)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to call a tool. `arguments` is None when its JSON could not be read;
    `raw` then holds the text."""

    id: str
    name: str
    arguments: dict[str, Any] | None
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""  # role "tool": which call this answers
    name: str = ""  # role "tool": the tool's name


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSchema:
    """What a model sees of a tool: name, description, JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """`model` is `<provider>/<name>`, e.g. `local/extractive` or `openai/gpt-6-luna`.

    Where a model list is set it may also be a name of that list, an alias, `tag:TAG` (any deployment with
    that tag) or `NAME@TAG` (those of the name's that have it); several tags are joined with `+`.

    `output_schema`: the final text must be JSON of this JSON Schema. `workspace_id` is for whom it is asked;
    "" is nobody, of whom nothing is kept, and `run_id` the run that asks, with which what is kept is deleted.
    `cache`: whether an answer that was given to the same request
    may be given again; None leaves it to the model's settings. `again`: what is sent now is the beginning of
    what is sent soon, so that a provider may be told to keep it (its cache of prompts).
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    output_schema: dict[str, Any] | None = None
    max_output_tokens: int = 2048
    temperature: float = 0.0
    timeout: float = 60.0
    idempotency_key: str = ""
    workspace_id: str = ""
    run_id: str = ""
    cache: bool | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """`cached_input_tokens` and `cache_write_tokens` are the parts of `input_tokens` that the provider read
    from its cache and put into it; `reasoning_tokens` the part of `output_tokens` that nobody sees."""

    input_tokens: int = 0
    output_tokens: int = 0
    known: bool = True  # False: the provider did not say; settled at the worst case
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAttempt:
    """One try of a call: at which deployment, what came of it, after how many milliseconds."""

    deployment: str
    outcome: str
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """`cost_micros` is what all attempts cost; `attempts` says which there were, where one was not enough.
    `paid`: what each provider gets of it, by id, where attempts at several of them were, or may have been,
    charged; empty when all of it goes to the one of `model`. When that is not the whole of it, nobody can
    say. Where the usage is unknown `cost_micros` is the most that it can be if `paid` says who gets it, else
    None."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_micros: int | None = 0  # None: price or usage unknown
    model: str = ""  # what really served it
    # "refused": the model says that it cannot do what was asked; its text says why.
    finish: Literal["stop", "length", "tool_calls", "filtered", "refused"] = "stop"
    paid: dict[str, int] = field(default_factory=lambda: {})
    attempts: tuple[ModelAttempt, ...] = ()
    cached: bool = False  # it was given to the same request before; nothing was used or paid


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """An ephemeral piece of streamed text; never a fact."""

    text: str


class ModelGateway(Protocol):
    """All providers behind one port.

    Errors: ModelRejected (wrong key, unknown model, 4xx), ModelUnavailable (time-out,
    429/5xx after retries, refused connection), ModelMalformed (unreadable answer).
    """

    async def complete(self, request: ModelRequest) -> ModelReply: ...

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        """Deltas, then exactly one ModelReply as the last item."""
        ...

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """Upper bound of what the call may cost, with all attempts that may be charged; None when there is
        no provable bound (unknown price). 0 for free models."""
        ...

    def price_micros(self, model: str, usage: Usage) -> int | None:
        """What `model` costs for so many tokens, by the prices of now; None when its price is unknown."""
        ...

    def providers_of(self, model: str) -> tuple[str, ...]:
        """Ids of the providers that may serve this model or route, in order of preference, and then of those
        that may be paid for a part of it (summaries); () when none."""
        ...

    def default_model(self) -> str:
        """The configured model id; `local/extractive` when no provider has a key."""
        ...
