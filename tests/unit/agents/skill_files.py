"""Folders of skills, as an author would write them."""

from pathlib import Path
from textwrap import dedent

from flowmatik.contracts.tools import ToolContext

FRONT = "---\nname: letters\ndescription: Write letters.\n---\n"


def write(skills: Path, files: dict[str, str]) -> Path:
    """`files` by their paths below `skills`."""
    for name, text in files.items():
        path = skills / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return skills


def context(*folders: str, principal: str = "", labels: tuple[str, ...] = ()) -> ToolContext:
    return ToolContext(
        workspace_id="w",
        run_id="run_1",
        call_id="call_1",
        idempotency_key="k",
        principal=principal,
        agent="clerk",
        skill_folders=folders,
        labels=labels,
    )
