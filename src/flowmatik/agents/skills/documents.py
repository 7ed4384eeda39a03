"""The skill that reads memory."""

from typing import Annotated, Any

from pydantic import Field

from flowmatik.agents.skills.audience import NOBODY, Callers
from flowmatik.agents.skills.box import Skill, skill
from flowmatik.contracts.memory import Memory, Passage, Search
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.clock import Clock


def document_skills(memory: Memory, clock: Clock, callers: Callers = NOBODY) -> list[Skill]:
    async def memory_search(
        context: ToolContext,
        query: Annotated[str, Field(min_length=1, max_length=4000)],
        limit: Annotated[int, Field(ge=1, le=50)] = 8,
    ) -> dict[str, Any]:
        """Search the documents; returns the best passages with their ids, sources,
        lines or page, and the date from which their document is in force; how probable
        it is that they answer (0 to 1); and today's date."""
        found = await memory.find(
            context.workspace_id,
            Search(query=query, limit=limit, sources=context.sources),
            on_behalf=await callers.of(context),
        )
        return {
            "passages": [passage_row(passage) for passage in found.items],
            "answerable": round(found.answerable.score, 3),
            "today": clock.now().date().isoformat(),
        }

    return [skill(memory_search)]


def passage_row(passage: Passage) -> dict[str, Any]:
    return {
        "id": passage.id,
        "source": passage.source,
        "title": passage.title,
        "heading": passage.heading,
        "text": passage.text,
        "lines": passage.lines,
        "page": passage.page,
        "effective": passage.effective,
        "replaces": passage.replaces,
        "language": passage.language,
        "score": round(passage.score, 6),
        **({"also_in": passage.also_in} if passage.also_in else {}),
    }
