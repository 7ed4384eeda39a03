"""What a template of agents may say."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowmatik.agents.profiles.model import Name
from flowmatik.contracts.templates import ParameterValue, TemplateParameter

LONGEST_TEXT = 10_000
BIGGEST = 10**12
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Short = Annotated[str, Field(max_length=300)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Parameter(_Strict):
    """One parameter. `required: false` needs a default, which is used when nothing is given."""

    type: Literal["text", "name", "enum", "integer"]
    summary: Short = ""
    required: bool = True
    default: ParameterValue | None = None
    values: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)] = []
    max_length: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] = 1000
    min: Annotated[int, Field(ge=-BIGGEST, le=BIGGEST)] = 0
    max: Annotated[int, Field(ge=-BIGGEST, le=BIGGEST)] = BIGGEST

    def described(self, name: str) -> TemplateParameter:
        number = self.type == "integer"
        return TemplateParameter(
            name=name,
            type=self.type,
            summary=self.summary,
            required=self.required and self.default is None,
            default=self.default,
            values=tuple(self.values),
            max_length=self.max_length if self.type == "text" else 0,
            least=self.min if number else 0,
            most=self.max if number else 0,
        )


class TemplateMetadata(_Strict):
    name: Name


class TemplateFile(_Strict):
    """`profile` is an agent's profile without apiVersion and kind, in whose texts (`metadata.name`,
    `summary`, `role`, `instructions`, `guardrails`) `{{parameter}}` stands for a value. It is put in as it
    is: nothing in it is looked at again, and nothing is computed."""

    apiVersion: Literal["flowmatik/v1"]  # the field's name in the file format
    kind: Literal["AgentTemplate"]
    metadata: TemplateMetadata
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    parameters: Annotated[dict[ParameterName, Parameter], Field(max_length=50)] = {}
    profile: dict[str, Any]
