"""Builds the tool box that ships with the product."""

from pathlib import Path
from typing import cast

from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.calculator import calculator_skills
from flowmatik.agents.skills.citations import citation_skills
from flowmatik.agents.skills.documents import document_skills
from flowmatik.agents.skills.files import file_skills
from flowmatik.agents.skills.tables import TableLimits, Tables, table_skills
from flowmatik.contracts.memory import Memory
from flowmatik.kernel.clock import Clock, SystemClock


def build_toolbox(
    memory: Memory, *, outbox: Path, limits: TableLimits | None = None, clock: Clock | None = None
) -> SkillBox:
    """Every built-in skill. `outbox` is the only folder that tools may write to; `limits` bound
    what SQL over tables may use; `clock` tells what day it is."""
    tables = Tables(memory, limits)
    return SkillBox(
        [
            *document_skills(memory, clock or SystemClock()),
            *table_skills(tables),
            *calculator_skills(),
            *citation_skills(memory, tables),
            *file_skills(outbox),
        ]
    )


def shipped_tools() -> frozenset[str]:
    """The names of the built-in skills, for whoever has no memory at hand and calls none."""
    return frozenset(build_toolbox(cast("Memory", None), outbox=Path()).specs())
