"""Builds the tool box that ships with the product."""

from pathlib import Path
from typing import cast

from flowmatik.agents.skills.audience import Callers
from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.calculator import calculator_skills
from flowmatik.agents.skills.citations import citation_skills
from flowmatik.agents.skills.documents import document_skills
from flowmatik.agents.skills.files import file_skills
from flowmatik.agents.skills.tables import TableLimits, Tables, table_skills
from flowmatik.contracts.memory import Audience, Memory
from flowmatik.kernel.clock import Clock, SystemClock


def build_toolbox(
    memory: Memory,
    *,
    outbox: Path,
    limits: TableLimits | None = None,
    clock: Clock | None = None,
    audience: Audience | None = None,
) -> SkillBox:
    """Every built-in skill. `outbox` is the only folder that tools may write to; `limits` bound
    what SQL over tables may use; `clock` tells what day it is; `audience` for whom a
    principal speaks, without whom all of a workspace is seen."""
    tables, callers = Tables(memory, limits), Callers(audience)
    return SkillBox(
        [
            *document_skills(memory, clock or SystemClock(), callers),
            *table_skills(tables, callers),
            *calculator_skills(),
            *citation_skills(memory, tables, callers),
            *file_skills(outbox),
        ]
    )


def shipped_tools() -> frozenset[str]:
    """The names of the built-in skills, for whoever has no memory at hand and calls none."""
    return frozenset(build_toolbox(cast("Memory", None), outbox=Path()).specs())
