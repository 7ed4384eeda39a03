"""What an operator says about APIs: `tools/openapi.yaml` of a home."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flowmatik.agents.tool_terms import SourceTerms
from flowmatik.kernel.addresses import origin_of

ApiName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]


class OpenApi(SourceTerms, BaseModel):
    """One API. `document`: a file in the home's folder `tools`: a copy, so that nobody else changes what
    models see. `base_url` in place of the document's first server. `operations`: the only ones that are
    tools, by operationId, all when empty; by operationId too `effects` and `per_tool`. `allow_private`:
    the base URL may lie in a private network."""

    document: Annotated[str, Field(min_length=1, max_length=500)]
    base_url: Annotated[str, Field(max_length=2000)] = ""
    connection: Annotated[str, Field(max_length=64)] = ""
    workspaces: list[str] = []
    operations: list[str] = []
    result_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000
    allow_private: bool = False

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.base_url:
            origin_of(self.base_url)
        if ".." in self.document.split("/") or self.document.startswith("/"):
            raise ValueError("document is a file in the home's folder tools, such as openapi/crm.json")
        if self.operations and (strange := self.unknown(self.operations)):
            raise ValueError(f"{strange[0]!r} is not one of the operations that are tools (operations)")
        return self


class OpenApis(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apis: dict[ApiName, OpenApi] = {}
