"""Recordings: a run with everything that it exchanged with models and tools, to be replayed anywhere without
a network."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

FORMAT = "flowmatik/recording/1"
Redaction = Literal["all", "secrets", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """One event of the journal. `at` is when it was written; `payload` as the journal has it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    seq: int
    type: str
    at: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """What a model was asked. `tools` are names; their descriptions and schemas are the recording's."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    model: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[str, ...] = ()
    output_schema: dict[str, Any] | None = None
    max_output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """`requests` by the id of the call. What a call answered is in its event; what was so large that it was
    put away stands there by reference."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    run_id: str
    events: tuple[RecordedEvent, ...]
    requests: dict[str, SentRequest] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run (the first of `runs`) and its sub-runs. `redacted`: how many different values of each kind are
    replaced, the same value by the same word everywhere. `replays`: a replay of this very recording reaches
    the same decisions; False where what was redacted had been decided on."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    format: str
    program: str
    made_at: str
    runs: tuple[RecordedRun, ...]
    tools: dict[str, dict[str, Any]] = field(default_factory=lambda: {})
    redaction: Redaction = "all"
    redacted: dict[str, int] = field(default_factory=lambda: {})
    replays: bool = True

    @property
    def run_id(self) -> str:
        return self.runs[0].run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeDifference:
    """Where a replay first parts from its recording. `exchange`: which of the run's exchanges with models and
    tools it is, from 1; 0 when another decision differs. `diff`: of the request, line by line, as of
    `diff -u`; "" where not the request but the decision differs."""

    run_id: str
    seq: int
    exchange: int
    task_id: str
    recorded: str
    decided: str
    call_id: str = ""
    purpose: str = ""
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReport:
    """`exchanges` that were compared, of models and tools. Without `difference` every decision and every
    request came out the same. `unproved`: requests that cannot be compared, for the version of the program
    that made them did not make them a function of the run's history alone. `by_engine`: the engine ran
    again, and every event of its journal was compared; else decisions were made again from the recorded
    outcomes, `instead` of it for what is named there, if that was not asked for."""

    run_id: str
    runs: int
    events: int
    exchanges: int
    unproved: int = 0
    against: str = ""
    difference: ExchangeDifference | None = None
    by_engine: bool = False
    instead: tuple[str, ...] = ()


class RunRecordings(Protocol):
    async def record(self, workspace_id: str, run_id: str, *, redaction: Redaction = "all") -> Recording:
        """The run as far as it has come, with its sub-runs. Raises NotFound (`not_found.run`), and
        EngineError for a history that cannot be read."""
        ...
