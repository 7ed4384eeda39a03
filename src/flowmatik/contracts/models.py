"""What a model call is: messages in, one reply out, with usage and cost.

Money is integer micro-dollars (1 USD = 1_000_000) everywhere.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


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
    """`model` is `<provider>/<name>`, e.g. `local/extractive` or `openai/gpt-4.1-mini`.

    `output_schema`: the final text must be JSON of this JSON Schema. `again`: what is sent now is the
    beginning of what is sent soon, so that a provider may be told to keep it (its cache of prompts).
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    output_schema: dict[str, Any] | None = None
    max_output_tokens: int = 2048
    temperature: float = 0.0
    timeout: float = 60.0
    idempotency_key: str = ""
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
class ModelReply:
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_micros: int | None = 0  # None: price or usage unknown
    model: str = ""  # what really served it
    # "refused": the model says that it cannot do what was asked; its text says why.
    finish: Literal["stop", "length", "tool_calls", "filtered", "refused"] = "stop"


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
        """Upper bound of the cost of one attempt; None when there is no provable bound
        (unknown price). 0 for free models."""
        ...

    def price_micros(self, model: str, usage: Usage) -> int | None:
        """What `model` costs for so many tokens, by the prices of now; None when its price is unknown."""
        ...

    def default_model(self) -> str:
        """The configured model id; `local/extractive` when no provider has a key."""
        ...
