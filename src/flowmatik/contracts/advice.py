"""Advice: what a decision wants to know that its run does not, asked as a call and kept as its outcome."""

from dataclasses import dataclass, field
from typing import Any, Protocol

ADVICE = "advice"  # the kind of such calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """For which run something is asked, and what. `arguments` is JSON."""

    workspace_id: str
    run_id: str
    principal: str = ""
    sources: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=lambda: {})


class Adviser(Protocol):
    """Knows what is asked under one name (similar plans, learned routes, the messages of a thread). It only
    reads, costs nothing and may be asked again. What it raises is recorded: the run decides without it."""

    async def __call__(self, question: Question) -> dict[str, Any]:
        """JSON, small: it becomes a part of the run's history."""
        ...
