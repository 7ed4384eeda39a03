"""What a scripted server is told to do: one step a call, the last one for every further call."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from flowmatik.kernel.errors import ConfigurationError

Kind = Literal[
    "answer",
    "malformed",
    "truncated",
    "cut_json",
    "bad_chunk",
    "stream_error",
    "wrong_shape",
    "no_choices",
    "raw",
    "rate_limited",
    "overloaded",
    "context_overflow",
    "error",
    "silent",
    "hung_up",
    "reset",
]
Prose = Literal["", "fence", "tag", "call", "function_tag", "bare", "brackets"]
RetryForm = Literal["seconds", "date", "ms"]
UsageIn = Literal["last", "every", "finish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """`arguments` is sent as it stands, readable or not."""

    name: str
    arguments: str = "{}"
    id: str = "call_1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`when`: only requests that hold this text are answered, in turn by the steps with the same one; all
    others go by the steps without.

    Kinds, besides `answer`: `malformed`: a body that is no JSON; `truncated`: the connection closes within
    the answer; `cut_json`: a complete HTTP answer whose JSON ends too early; `bad_chunk`: an unreadable
    piece within a stream (a whole answer: as `malformed`); `stream_error`: the vendor's error within a
    stream (a whole answer: as `error`); `wrong_shape`: JSON, but no completion; `no_choices`: a completion
    without any; `raw`: `text` as the whole JSON body; `rate_limited`: 429, `overloaded`: 529, both with
    `retry_after` seconds said in the form `retry_form` ("ms": the header `retry-after-ms`);
    `context_overflow`: the vendor's 400 for a request that is too long; `error`: `status`, with the vendor's
    `code` if given; `silent`: no answer while the client waits; `hung_up`: closed before a byte of it;
    `reset`: the same, by a reset. `cut_at` is the share of an answer that comes before what cuts or spoils
    it; `{key}` within `message`, and the `text` of `raw`, becomes the key that the client sent.

    Usage: (input, output) tokens, any integers; None reports none. `cached` and `cache_written` are those of
    the input that were read from and written to the vendor's cache, `reasoning` those of the output that
    were spent on thought.
    In a stream it comes in a piece of its own for whoever asks ("last"), in "every" piece, or with the
    "finish" reason, asked for or not.

    `finish` "" leaves the finish reason out. `refusal` is the text of a refusal in the vendor's own place
    for it. `served`: the model that the reply names, "" for the one asked for. `prose`: the tools are
    written into the text in this shape instead of being called. `interleaved`: the pieces of several tools
    take turns in a stream. `headers`: further ones of the response. `dimensions`: how many numbers a vector
    has where the step answers for embeddings.

    To whoever asks for a stream `streams` sends one ("yes"), the answer in one piece all the same ("whole")
    or a 400 ("refused"). Everything waits `seconds` first; a stream's first piece comes after
    `first_seconds` more, each further one after `piece_seconds`."""

    kind: Kind = "answer"
    text: str = "Hello."
    when: str = ""
    tools: tuple[ToolUse, ...] = ()
    usage: tuple[int, int] | None = (11, 7)
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0
    usage_in: UsageIn = "last"
    finish: str = "stop"
    refusal: str = ""
    served: str = ""
    prose: Prose = ""
    interleaved: bool = False
    status: int = 500
    code: str = ""
    retry_after: float | None = None
    retry_form: RetryForm = "seconds"
    message: str = "scripted failure"
    headers: tuple[tuple[str, str], ...] = ()
    dimensions: int = 16
    streams: Literal["yes", "whole", "refused"] = "yes"
    cut_at: float = 0.5
    seconds: float = 0.0
    first_seconds: float = 0.0
    piece_seconds: float = 0.0


_CHOICES = {
    "kind": get_args(Kind),
    "prose": get_args(Prose),
    "retry_form": get_args(RetryForm),
    "usage_in": get_args(UsageIn),
    "streams": ("yes", "whole", "refused"),
}


def load_script(path: Path) -> tuple[Step, ...]:
    """A JSON list of steps, keys as in Step. Raises ConfigurationError."""
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(steps, list) or not steps:
            raise ValueError("it must be a list with at least one step")
        return tuple(step_of(one) for one in cast("list[dict[str, Any]]", steps))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"cannot use the script {str(path)!r}: {error}",
            code="config.script",
            context={"path": str(path), "said": str(error)},
        ) from error


def step_of(data: dict[str, Any]) -> Step:
    """One step of a script. Raises ValueError, TypeError or AttributeError for what is none."""
    for name, known in _CHOICES.items():
        if data.get(name, known[0]) not in known:
            raise ValueError(
                f"{name} {data[name]!r} is unknown; use one of {', '.join(repr(one) for one in known)}"
            )
    values = dict(data)
    if "tools" in values:
        values["tools"] = tuple(ToolUse(**tool) for tool in values["tools"])
    if values.get("usage") is not None:
        into, out = values["usage"]
        values["usage"] = (int(into), int(out))
    if "headers" in values:
        values["headers"] = tuple((str(name), str(value)) for name, value in values["headers"].items())
    if not 0.0 <= float(values.get("cut_at", 0.5)) <= 1.0:
        raise ValueError(f"cut_at {values['cut_at']!r} must lie between 0 and 1")
    return Step(**values)
