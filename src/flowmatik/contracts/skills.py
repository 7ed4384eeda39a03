"""Skills of an installation, for people: the folders under `skills/`, what they offer, what is wrong."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from flowmatik.contracts.tools import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillTool:
    """A Python function of a folder, as agents may call it."""

    name: str
    description: str
    effect: Effect
    timeout: float
    parameters: dict[str, Any] = field(default_factory=lambda: {})
    scopes: tuple[str, ...] = ()
    retries: int = 0
    rate_per_minute: float | None = None
    labels: tuple[str, ...] = ()
    labels_in: tuple[str, ...] | None = None
    price_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFault:
    """One thing that is wrong: `place` is `file:line` below the skills, `text` is English, and `code` with
    `values` says it for the catalogues."""

    place: str
    text: str
    code: str
    values: dict[str, Any] = field(default_factory=lambda: {})

    def line(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFolder:
    """`documented`: it has a SKILL.md that can be used, so that profiles may name it under `skill_folders`;
    `allowed_tools` None: it does not say. `files` are those that agents may ask for, below the folder.
    What is faulty is not offered; the rest of the folder is."""

    name: str
    description: str = ""
    documented: bool = False
    license: str = ""
    compatibility: str = ""
    metadata: dict[str, str] = field(default_factory=lambda: {})
    allowed_tools: tuple[str, ...] | None = None
    tools: tuple[SkillTool, ...] = ()
    files: tuple[str, ...] = ()
    faults: tuple[SkillFault, ...] = ()


class Skills(Protocol):
    """Those that the process which answers has loaded."""

    async def list(self) -> list[SkillFolder]:
        """By name."""
        ...

    async def get(self, name: str) -> SkillFolder:
        """Raises NotFound (`not_found.skill`)."""
        ...
