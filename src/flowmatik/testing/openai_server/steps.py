"""What the server is told to do: one step a call, the last one for every further call."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from flowmatik.kernel.errors import ConfigurationError

Kind = Literal["answer", "malformed", "truncated", "wrong_shape", "raw", "rate_limited", "error", "silent"]


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

    `malformed`: a body that is no JSON; `truncated`: the connection closes within the answer;
    `wrong_shape`: JSON, but no completion; `raw`: `text` as the whole JSON body; `rate_limited`: 429 with
    `retry_after` seconds; `error`: `status`; `silent`: no answer while the client waits. Without `usage`
    none is reported; `finish` "" leaves the finish reason out. `dimensions`: how many numbers a vector has
    where the step answers for embeddings.

    To whoever asks for a stream `streams` sends one ("yes"), the answer in one piece all the same ("whole")
    or a 400 ("refused"). Its first piece comes after `first_seconds`, each further one after `piece_seconds`;
    `truncated` cuts it in the middle."""

    kind: Kind = "answer"
    text: str = "Hello."
    when: str = ""
    tools: tuple[ToolUse, ...] = ()
    usage: tuple[int, int] | None = (11, 7)
    finish: str = "stop"
    status: int = 500
    retry_after: float | None = None
    message: str = "scripted failure"
    dimensions: int = 16
    streams: Literal["yes", "whole", "refused"] = "yes"
    first_seconds: float = 0.0
    piece_seconds: float = 0.0


def load_script(path: Path) -> tuple[Step, ...]:
    """A JSON list of steps, keys as in Step. Raises ConfigurationError."""
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(steps, list) or not steps:
            raise ValueError("it must be a list with at least one step")
        return tuple(_step(one) for one in cast("list[dict[str, Any]]", steps))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"cannot use the script {str(path)!r}: {error}",
            code="config.script",
            context={"path": str(path), "said": str(error)},
        ) from error


def _step(data: dict[str, Any]) -> Step:
    if data.get("kind", "answer") not in get_args(Kind):
        raise ValueError(f"kind {data['kind']!r} is unknown; use one of {', '.join(get_args(Kind))}")
    values = dict(data)
    if "tools" in values:
        values["tools"] = tuple(ToolUse(**tool) for tool in values["tools"])
    if values.get("usage") is not None:
        into, out = values["usage"]
        values["usage"] = (int(into), int(out))
    return Step(**values)
