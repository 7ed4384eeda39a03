"""What an evaluation set may say."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowmatik.agents.profiles.model import Name

Line = Annotated[str, Field(min_length=1, max_length=1000)]
Lines = Annotated[list[Line], Field(max_length=50)]
Body = Annotated[str, Field(min_length=1, max_length=50_000)]
FileName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Checks(_Strict):
    """What the answer must be; all that are named must hold, and one at least must be named. Texts are looked
    for without regard to case, spaces count as one. `schema`: JSON Schema of the answer, which is JSON then;
    `equals_json`: the answer is this value. `cites`: names of documents that it cites, with quotes that were
    verified. `refuses`: whether it says that it does not know. `arithmetic`: expressions whose exact value
    stands in the answer. `max_length` in characters."""

    contains: Lines = []
    contains_any: Lines = []
    not_contains: Lines = []
    answer_schema: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    equals_json: Any = None
    cites: Lines = []
    refuses: bool | None = None
    language: Literal["en", "es"] | None = None
    max_length: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    arithmetic: Lines = []


class Case(_Strict):
    """`input` is what the agent is asked, `material` a text that follows it. `gathers`: questions that the
    researcher answers first, whose findings the agent gets instead (for agents that write from findings)."""

    name: Name
    input: Body
    material: Annotated[str, Field(max_length=50_000)] = ""
    gathers: Annotated[list[Line], Field(max_length=5)] = []
    checks: Checks


class SetMetadata(_Strict):
    name: Name


class EvaluationFile(_Strict):
    """`needs: hosted_model`: what the offline model cannot do at all, so that a score with it would say
    nothing. `documents`: what the runs may read, by file name; they read nothing else."""

    apiVersion: Literal["flowmatik/v1"]  # the field's name in the file format
    kind: Literal["EvaluationSet"]
    metadata: SetMetadata
    agent: Name
    summary: Annotated[str, Field(max_length=300)] = ""
    needs: Literal["any_model", "hosted_model"] = "any_model"
    documents: Annotated[dict[FileName, Body], Field(max_length=20)] = {}
    cases: Annotated[list[Case], Field(min_length=1, max_length=200)]
