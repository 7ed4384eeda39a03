"""Looks at playbook files without an installation: by the agents and tools that ship."""

from collections.abc import Sequence

from flowmatik.agents import shipped_tools
from flowmatik.agents.catalogue import shipped_agents
from flowmatik.agents.playbooks import parse_playbook, specimen
from flowmatik.app.task_forms import PlanForms
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.playbooks import PlaybookVersion
from flowmatik.kernel.errors import NotFound


class _Shipped:
    """The agents that ship, as a directory."""

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        del workspace_id
        return [*shipped_agents()]

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        for agent in await self.list(workspace_id):
            if ref in (agent.name, agent.ref()):
                return agent
        raise NotFound(
            f"no agent {ref!r} ships", code="not_found.agent", context={"agent": ref, "known": "–"}
        )


def shipped_forms() -> PlanForms:
    return PlanForms(_Shipped(), shipped_tools())


async def checked(texts: Sequence[tuple[str, str]]) -> list[PlaybookVersion]:
    """Of (file, text) each. Raises PlanInvalid with every fault of the first file that has any."""
    books = [parse_playbook(text, filename=name) for name, text in texts]
    library = {book.name: book for book in books}
    forms = shipped_forms()
    for book in books:
        made = specimen(book, library, forms)
        if faults := await forms.faults("", made.tasks):
            raise made.refusal(book, list(faults))
    return [book.version for book in books]
