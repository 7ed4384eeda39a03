"""How a thread is held: by its own words, else as its agent's profile says."""

import contextlib

from flowmatik.contracts.agents import AgentDirectory
from flowmatik.contracts.threads import ConversationPolicy
from flowmatik.core.threads.rows import Known
from flowmatik.kernel.errors import NotFound

USUAL = ConversationPolicy()


class Policies:
    def __init__(self, agents: AgentDirectory) -> None:
        self._agents = agents

    async def of(self, known: Known) -> ConversationPolicy:
        thread, said = known.thread, USUAL
        if thread.agent:
            with contextlib.suppress(NotFound):  # it was removed: its runs will say so
                said = (await self._agents.get(thread.workspace_id, thread.agent)).conversation or USUAL
        return ConversationPolicy(
            interrupt=thread.interrupt or said.interrupt,
            history=thread.history or said.history,
            on_failure=said.on_failure,
        )
