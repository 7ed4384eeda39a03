"""Findings, citations and answers: the product's results, and what they rest on."""

from dataclasses import dataclass, field
from typing import Any

CALCULATION = "calculation"  # the source of a figure that rests on its expression alone
FINDING_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "found": {
            "type": "boolean",
            "description": "false when the material does not contain the answer",
        },
        "text": {
            "type": "string",
            "description": "The answer, each claim followed by [n] of the citation that supports it. "
            "When found is false: one sentence that says so.",
        },
        "citations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "n": {"type": "integer"},
                    "passage_id": {
                        "type": "string",
                        "description": "the id of a passage or computation returned by a tool",
                    },
                    "quote": {
                        "type": "string",
                        "description": "verbatim text of that passage",
                    },
                },
                "required": ["n", "passage_id", "quote"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["found", "text", "citations"],
    "additionalProperties": False,
}
"""The output schema of every agent that reports to the Brain (researcher, analyst, writer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """`lines` (1-based, inclusive) or `page` (1-based) locate `quote`, verbatim, in `source`.
    A computed figure carries the `computation` that was run again to verify it: SQL, its quote
    being the computed row as text; or, where `source` is "calculation", an expression of
    arithmetic, its quote being the expression with its result."""

    n: int
    source: str
    quote: str
    passage_id: str = ""
    lines: tuple[int, int] | None = None
    page: int | None = None
    computation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPart:
    """A part of the goal that could not be done, and why: `text` is English and says what `code` and `values`
    say for the catalogues."""

    task_id: str
    objective: str
    code: str
    text: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`missing`: what it does not cover; its `text` says so too, in the language of the run."""

    text: str
    found: bool
    citations: tuple[Citation, ...] = ()
    missing: tuple[MissingPart, ...] = ()

    @property
    def partial(self) -> bool:
        return bool(self.missing)
