"""What guardrails found, and what followed."""

from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.guardrails import Found, OnFail


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailTripped:
    """A decision. `place`: "prompt", "output", the id of the tool call whose result it was, or "arguments:"
    and the id of a call that is not made, or not yet. `fixed`: what stands for the prompt or output from here
    on, None when it stands as it was; a tool's result was fixed before it became a fact. Of what was found
    the event has kinds, counts and places, never the values."""

    task_id: str
    place: str
    action: OnFail
    findings: tuple[Found, ...]
    fixed: Any = None
