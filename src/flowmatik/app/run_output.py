"""What `flowmatik run --json` prints: one JSON object per line, the last one the result.

`schemas/run-output.schema.json` is generated from here and committed.
"""

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.json_schema import SkipJsonSchema

from flowmatik.contracts.answers import Answer, Citation
from flowmatik.contracts.runs import RunStatus, RunView
from flowmatik.kernel.errors import FlowmatikError

MICROS = 1_000_000


def _absent(value: object) -> bool:
    return value is None


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _optional() -> Any:
    """A member that is left out when there is nothing to say."""
    return Field(default=None, exclude_if=_absent, json_schema_extra=_without_default)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def line(self) -> str:
        return self.model_dump_json()


class EventLine(BaseModel):
    """A CloudEvent of the run, as the event stream sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    subject: str
    datacontenttype: Literal["application/json"]
    workspaceid: str
    seq: int
    data: dict[str, Any]
    traceparent: str | SkipJsonSchema[None] = _optional()


class CitationOut(_Line):
    """`lines` for text, `page` for PDF, `computation` for a computed figure: SQL, or an
    expression of arithmetic where `source` is "calculation"; a member that does not apply is left out."""

    n: int
    source: str
    quote: str
    lines: tuple[int, int] | SkipJsonSchema[None] = _optional()
    page: int | SkipJsonSchema[None] = _optional()
    computation: str | SkipJsonSchema[None] = _optional()


class MissingOut(_Line):
    """`code` says why, `text` says the same in English."""

    task_id: str
    objective: str
    code: str
    text: str


class AnswerOut(_Line):
    """`missing`: what the answer does not cover; left out when it is complete."""

    text: str
    found: bool
    citations: list[CitationOut]
    missing: list[MissingOut] | SkipJsonSchema[None] = _optional()


class CheckOut(_Line):
    """`detail` says in English what `code` and `values` say. `optional`: no task fails for it."""

    criterion: str
    passed: bool
    detail: str
    code: str
    values: dict[str, Any]
    optional: bool


class TaskOut(_Line):
    id: str
    objective: str
    agent: str
    status: str
    error: str


class CostOut(_Line):
    """`usd` is null when the price of a model that was used is unknown."""

    usd: float | None
    tokens: int


class ErrorOut(_Line):
    code: str
    message: str


class ApprovalOut(_Line):
    """A call that people must agree to; `flowmatik approvals approve|deny ID` decides."""

    id: str
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str


class ResultLine(_Line):
    """`answer` is null unless the run succeeded, `error` unless it failed. `waiting_for`: what a run that
    waits needs most (person, approval, webhook, signal, time)."""

    type: Literal["result"]
    run_id: str
    status: RunStatus
    goal: str
    answer: AnswerOut | None
    verified: list[CheckOut]
    tasks: list[TaskOut]
    models: list[str]
    cost: CostOut
    seconds: float
    error: ErrorOut | None
    waiting_for: str
    approvals: list[ApprovalOut]


class ErrorLine(_Line):
    """The command failed, before or instead of a result."""

    type: Literal["error"]
    code: str
    message: str


RUN_OUTPUT: TypeAdapter[EventLine | ResultLine | ErrorLine] = TypeAdapter(
    Annotated[EventLine | ResultLine | ErrorLine, Field(union_mode="smart")]
)


def run_output_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of `flowmatik run --json`",
        **RUN_OUTPUT.json_schema(mode="serialization"),
    }


def result_of(view: RunView) -> ResultLine:
    failed, micros = view.error_code or view.error, view.cost_micros
    return ResultLine(
        type="result",
        run_id=view.id,
        status=view.status,
        goal=view.goal,
        answer=_answer(view.answer) if view.answer else None,
        verified=[CheckOut(**dataclasses.asdict(check)) for check in view.verified],
        tasks=[
            TaskOut(id=t.id, objective=t.objective, agent=t.agent, status=t.status.value, error=t.error)
            for t in view.tasks
        ],
        models=list(view.models),
        cost=CostOut(
            usd=None if micros is None else micros / MICROS, tokens=view.input_tokens + view.output_tokens
        ),
        seconds=round(view.seconds, 3),
        error=ErrorOut(code=view.error_code, message=view.error) if failed else None,
        waiting_for="" if view.status.ended else view.waiting_for,
        approvals=[
            ApprovalOut(id=a.id, tool=a.tool, arguments=a.arguments, arguments_hash=a.arguments_hash)
            for a in view.approvals
        ],
    )


def error_line(error: FlowmatikError) -> ErrorLine:
    return ErrorLine(type="error", code=error.code, message=error.message)


def _answer(answer: Answer) -> AnswerOut:
    missing = [
        MissingOut(task_id=one.task_id, objective=one.objective, code=one.code, text=one.text)
        for one in answer.missing
    ]
    return AnswerOut(
        text=answer.text,
        found=answer.found,
        citations=[_citation(c) for c in answer.citations],
        missing=missing or None,
    )


def _citation(citation: Citation) -> CitationOut:
    return CitationOut(
        n=citation.n,
        source=citation.source,
        quote=citation.quote,
        lines=citation.lines,
        page=citation.page,
        computation=citation.computation or None,
    )
