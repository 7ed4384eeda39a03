"""What an operator says about MCP servers: `tools/mcp.yaml` of a home."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flowmatik.agents.tool_terms import SourceTerms
from flowmatik.kernel.addresses import origin_of

ServerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
Reference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|text:.*)$")]
"""Where a value comes from: `env:NAME`, `file:PATH` (from the home), or `text:…` for what is no secret."""


class McpServer(SourceTerms, BaseModel):
    """One server. `tools`: the only ones that may be approved, all when empty. A tool of whose effect
    nothing is said is `once`, unless `trust_annotations` lets the server's own hints speak.
    `recheck_seconds`: for how long a list of tools is good, 0 is looked at before every call. `workspaces`:
    the only ones that may call, all when empty."""

    command: Annotated[list[str], Field(max_length=100)] = []
    url: Annotated[str, Field(max_length=2000)] = ""
    env: dict[str, Reference] = {}
    headers: dict[str, Reference] = {}
    connection: Annotated[str, Field(max_length=64)] = ""
    workspaces: list[str] = []
    tools: list[str] = []
    trust_annotations: bool = False
    start_timeout: Annotated[float, Field(gt=0, le=600)] = 20.0
    recheck_seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    result_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000
    allow_private: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("give either command (a list of words) or url")
        if self.url:
            origin_of(self.url)
            if self.env:
                raise ValueError("env is for a server that is started here; use headers or connection")
        elif self.headers or self.connection:
            raise ValueError("headers and connection are for a server with a url; use env")
        if self.tools and (strange := self.unknown(self.tools)):
            raise ValueError(f"{strange[0]!r} is not one of the tools that may be approved (tools)")
        return self


class McpServers(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: dict[ServerName, McpServer] = {}
