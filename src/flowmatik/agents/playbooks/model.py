"""What a playbook may say. Its tasks are those of a plan, read once its parameters are in them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowmatik.contracts.plans import MAX_PLAN_TASKS
from flowmatik.contracts.playbooks import ParameterType, PlaybookParameter

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlaybookMetadata(_Strict):
    name: Name


class GoalRules(_Strict):
    """For which goals the playbook is, without asking for it: those that are one of `examples` but for
    capitals, accents and punctuation, or fit one of `patterns`, such as `how long is the guarantee of
    {model}`, where a name in braces is a parameter and takes what stands there."""

    examples: Annotated[list[Sentence], Field(max_length=50)] = []
    patterns: Annotated[list[Sentence], Field(max_length=50)] = []


class ParameterRule(_Strict):
    """`enum`: the only values. Without a value it has its `default`, or is null; a `required` one must be
    given. `items`: of what a list is."""

    type: ParameterType = "string"
    description: Annotated[str, Field(max_length=500)] = ""
    required: bool = False
    default: Any = None
    enum: Annotated[list[Any], Field(max_length=200)] = []
    items: Literal["string", "integer", "number", "boolean"] = "string"

    def parameter(self, name: str) -> PlaybookParameter:
        return PlaybookParameter(
            name=name,
            type=self.type,
            description=self.description,
            required=self.required,
            default=self.default,
            enum=tuple(self.enum),
            items=self.items,
        )


class PlaybookFile(_Strict):
    """A plan with parameters. In every text of `goal` and `tasks`, `${name}` is the value of a parameter. A
    task may also have `when` with a `parameter`, `for_each` and `use`."""

    apiVersion: Literal["flowmatik/v1"]  # the field's name in the file format
    kind: Literal["Playbook"]
    metadata: PlaybookMetadata
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    goal: Annotated[str, Field(max_length=2000)] = ""
    goals: GoalRules = GoalRules()
    parameters: Annotated[dict[ParameterName, ParameterRule], Field(max_length=100)] = {}
    tasks: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_PLAN_TASKS)]


class LoopRule(_Strict):
    """One task for each of a list. `parameter`: one that is a list, the task stands in the plan once for each
    of its values. `task` and `path`: what an earlier task gave, a run for each item, `concurrency` at once.
    In the task, `${as}` is the value."""

    parameter: str = ""
    task: str = ""
    path: str = ""
    name: Annotated[str, Field(alias="as", pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 20
    on_failure: Literal["fail", "continue"] | Annotated[int, Field(ge=0)] = "fail"


class ChoiceRule(_Strict):
    """A condition of a task: on a `parameter`, decided when the plan is made, or on what the earlier `task`
    gave at `path`, decided when it is the task's turn."""

    parameter: str = ""
    task: str = ""
    path: str = ""
    test: Literal["equals", "not_equals", "one_of", "above", "below", "exists"] = "equals"
    value: Any = True


def playbook_json_schema() -> dict[str, Any]:
    """The JSON Schema that editors can check playbooks with."""
    schema = PlaybookFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flowmatik playbook"} | {
        key: value for key, value in schema.items() if key != "title"
    }
