"""Tasks of a playbook on their way into a plan."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.agents.playbooks.reading import Playbook

Path = tuple[int | str, ...]


@dataclass(slots=True, kw_only=True)
class Piece:
    """A task with everything put in; `path` is where it stands in `book`. `needs` and `when` name tasks of
    the plan. What still names tasks as its playbook does, until they are joined: `outer` needs, `later`
    conditions, and `items`, the task whose result a map goes through ("" is none)."""

    book: Playbook
    path: Path
    id: str
    raw: dict[str, Any]
    otherwise: str = "skip"
    needs: list[str] = field(default_factory=lambda: [])
    when: list[dict[str, Any]] = field(default_factory=lambda: [])
    outer: list[str] = field(default_factory=lambda: [])
    later: list[dict[str, Any]] = field(default_factory=lambda: [])
    items: str = ""

    def task(self) -> dict[str, Any]:
        """As a plan has it."""
        said = {**self.raw, "id": self.id, "needs": list(dict.fromkeys(self.needs))}
        if self.when:
            said |= {"when": self.when, "otherwise": self.otherwise}
        return said


@dataclass(slots=True, kw_only=True)
class Group:
    """What one task of a playbook became: nothing (`gone`, with what that means for those that need it), one
    task or several. `ends` are those that nothing else in it needs."""

    pieces: list[Piece] = field(default_factory=lambda: [])
    ends: list[str] = field(default_factory=lambda: [])
    gone: str = ""
