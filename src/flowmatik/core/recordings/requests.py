"""What a model was asked, made again from the run's state: as kept in recordings and as people compare it."""

import difflib
from dataclasses import asdict
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.images import without_bytes
from flowmatik.contracts.models import ModelRequest
from flowmatik.contracts.recordings import SentRequest
from flowmatik.core import events as ev
from flowmatik.core.engine.requests import asked_again
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

CONTEXT = 2  # lines around what differs
MOST_LINES = 200


def request_of(state: RunState, call: ev.CallRequested, loop: AgentLoop) -> SentRequest:
    """What `state`, before the call, asks. Raises EngineError when it asks for no model."""
    return sent(asked_again(state, call, loop))


def sent(request: ModelRequest) -> SentRequest:
    told = without_bytes(request.messages)
    messages: list[dict[str, Any]] = canonical.loads(
        canonical.dumps([one if isinstance(one, dict) else asdict(one) for one in told])
    )
    return SentRequest(
        model=request.model,
        messages=tuple(_short(message) for message in messages),
        tools=tuple(tool.name for tool in request.tools),
        output_schema=request.output_schema,
        max_output_tokens=request.max_output_tokens,
    )


def _short(message: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {name: value for name, value in message.items() if value or name in ("role", "content")}


def difference(recorded: SentRequest, now: SentRequest) -> str:
    """As of `diff -u`; "" when they are the same."""
    before, after = _lines(recorded), _lines(now)
    if before == after:
        return ""
    found = list(difflib.unified_diff(before, after, "recorded", "now", lineterm="", n=CONTEXT))
    if len(found) > MOST_LINES:
        found = [*found[:MOST_LINES], f"… {len(found) - MOST_LINES} more lines"]
    return "\n".join(found)


def _lines(request: SentRequest) -> list[str]:
    lines = [
        f"model: {request.model}",
        f"tools: {', '.join(request.tools)}",
        f"schema: {canonical.dumps(request.output_schema)}",
        f"max_output_tokens: {request.max_output_tokens}",
    ]
    for message in request.messages:
        rest = {name: value for name, value in message.items() if name not in ("role", "content")}
        lines.append(f"--- {message.get('role', '')} {canonical.dumps(rest) if rest else ''}".rstrip())
        lines += str(message.get("content", "")).splitlines()
    return lines
