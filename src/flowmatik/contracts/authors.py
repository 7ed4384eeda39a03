"""Who changes the catalogue, why, and where what is new in it came from."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a version came from. `template` with its `parameters`, or the `bundle` (its id) with the `source`
    (the installation's key and workspace); `note` is for whoever made it."""

    kind: Literal["unknown", "shipped", "applied", "imported", "bundle", "template", "factory"] = "unknown"
    by: str = ""
    template: str = ""
    parameters: dict[str, Any] = field(default_factory=lambda: {})
    bundle: str = ""
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who changes something, and why. `origin`: of a version that comes to be by it."""

    by: str = ""
    reason: str = ""
    origin: Origin | None = None


NOBODY = Author()
