"""Playbooks: plans that people write once, with parameters, for goals that come again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flowmatik.contracts.plans import PlanTask

ParameterType = Literal["string", "integer", "number", "boolean", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookParameter:
    """`enum` are the only values that it takes, all when empty. `items` is the type of what a list holds.
    One that is not `required` has a `default`, or is null."""

    name: str
    type: ParameterType = "string"
    description: str = ""
    required: bool = False
    default: Any = None
    enum: tuple[Any, ...] = ()
    items: ParameterType = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookVersion:
    """One immutable version; `version` is the first 12 hex digits of the content hash of its text as it is
    understood. `goal`: that of a run which names none; `examples` and `patterns`: for which goals it is."""

    name: str
    version: str
    summary: str
    goal: str = ""
    examples: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    parameters: tuple[PlaybookParameter, ...] = ()
    tasks: int = 0  # as it is written

    def ref(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPlaybook:
    """What a playbook is with its parameters: `parameters` are all of them, with their defaults."""

    ref: str
    goal: str
    tasks: tuple[PlanTask, ...]
    parameters: dict[str, Any] = field(default_factory=lambda: {})


class PlaybookCompiler(Protocol):
    """What runs need of playbooks, per workspace."""

    async def compile(self, workspace_id: str, ref: str, parameters: Mapping[str, Any]) -> CompiledPlaybook:
        """`name`, or `name@version`. Raises NotFound (`not_found.playbook`) and PlanInvalid, with every
        fault of the parameters and of the playbook as file:line:column."""
        ...


class Playbooks(PlaybookCompiler, Protocol):
    """Versions per workspace. Raises NotFound (`not_found.playbook`) and PlanInvalid."""

    async def list(self, workspace_id: str) -> list[PlaybookVersion]:
        """The current version of every playbook, by name."""
        ...

    async def get(self, workspace_id: str, ref: str) -> PlaybookVersion: ...

    async def text(self, workspace_id: str, ref: str) -> str:
        """The YAML as it was applied."""
        ...

    async def apply(self, workspace_id: str, text: str, *, filename: str) -> PlaybookVersion:
        """Validate, store as an immutable version (the same content is the same version) and make it the
        current one."""
        ...

    async def remove(self, workspace_id: str, name: str) -> None:
        """No new run gets it; its versions stay, for playbooks and people that name them."""
        ...
