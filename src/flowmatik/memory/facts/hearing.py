"""Listens to what people say in conversations and keeps, by rule, what they say of themselves. The bus tells
it; every message is listened to once, so that what somebody has forgotten is not read in it again."""

import logging
from collections.abc import Sequence
from typing import Protocol

from flowmatik.contracts.facts import FactScope, NewFact, Origin, Support
from flowmatik.contracts.threads import Role, ThreadMessage
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.events import CloudEvent, EventBus
from flowmatik.memory.facts.listening import Heard, heard
from flowmatik.memory.facts.policies import policy_of
from flowmatik.memory.facts.screening import Screening
from flowmatik.memory.facts.service import StoredFacts
from flowmatik.memory.facts.store import FactStore
from flowmatik.memory.facts.viewing import Viewer, Viewers
from flowmatik.memory.language import detect

log = logging.getLogger(__name__)
SUBSCRIBER = "facts"
TYPES = frozenset({"flowmatik.RunCreated", "flowmatik.MessageReceived"})


class Conversations(Protocol):
    async def of_turn(self, workspace_id: str, thread_id: str, turn: int) -> Sequence[ThreadMessage]:
        """The messages that a run of the thread answers."""
        ...


class FactHearing:
    def __init__(
        self,
        store: FactStore,
        facts: StoredFacts,
        viewers: Viewers,
        conversations: Conversations,
        screening: Screening,
    ) -> None:
        self._store = store
        self._facts = facts
        self._viewers = viewers
        self._conversations = conversations
        self._screening = screening

    def subscribe(self, bus: EventBus) -> None:
        bus.subscribe(SUBSCRIBER, self.hear, types=TYPES)

    async def hear(self, event: CloudEvent) -> None:
        thread = str(event.data.get("thread") or "")
        if not thread:
            return
        if event.type.endswith("MessageReceived"):
            message = ThreadMessage(
                thread_id=thread,
                number=int(event.data["number"]),
                role=Role.PERSON,
                author=str(event.data.get("author") or ""),
                text=str(event.data["text"]),
                at="",
            )
            await self.listen(event.workspace_id, message)
        elif turn := int(event.data.get("thread_turn") or 0):
            for message in await self._conversations.of_turn(event.workspace_id, thread, turn):
                await self.listen(event.workspace_id, message)

    async def listen(self, workspace_id: str, message: ThreadMessage) -> int:
        """How many facts were read in it; none the second time, and where the workspace does not want it."""
        policy = await policy_of(self._store, workspace_id)
        place = (workspace_id, message.thread_id, message.number)
        if not policy.listen or message.role is not Role.PERSON or await self._store.heard(*place):
            return 0
        language = detect(message.text)
        viewer = await self._viewers.of(workspace_id, message.author)
        kept = 0
        for one in heard(message.text, language=language):
            if why := self._screening.refuses(policy, one.value, one.quote):
                log.info("something said is not remembered", extra={"thread": message.thread_id, "why": why})
                continue
            kept += await self._keep(workspace_id, message, viewer, one, language)
        await self._store.hear(*place)
        return kept

    async def _keep(
        self, workspace_id: str, message: ThreadMessage, viewer: Viewer, one: Heard, language: str
    ) -> bool:
        said = NewFact(
            subject=one.subject,
            predicate=one.predicate,
            value=one.value,
            scope=FactScope.USER if viewer.direct else FactScope.THREAD,
            owner="" if viewer.direct else message.thread_id,
            language=language,
            valid_from=one.since or ("ever" if one.corrects else ""),
            confidence=0.9,
            importance=one.importance,
            supports=(Support(kind="message", ref=f"{message.thread_id}#{message.number}", quote=one.quote),),
        )
        try:
            if one.ends:
                return await self._facts.end_value(workspace_id, said, viewer=viewer)
            await self._facts.learn(
                workspace_id, said, viewer=viewer, origin=Origin.SAID, overrides=one.corrects
            )
        except InvalidInput as error:  # what was read is no fact after all
            log.info("something said cannot be a fact", extra={"code": error.code})
            return False
        return True
