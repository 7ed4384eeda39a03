"""What a run of a thread is told of it, and of what is remembered for long: implements `Adviser`."""

import contextlib
import logging
from typing import Any

from flowmatik.contracts.advice import Question
from flowmatik.contracts.agents import AgentDirectory, MemoryUse
from flowmatik.contracts.facts import FactRecall, Recalling
from flowmatik.contracts.threads import MAX_HISTORY, Role, Thread, ThreadMessage
from flowmatik.core.threads.policies import Policies
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.errors import FlowmatikError, NotFound

CHARACTERS = 12_000  # of all that is told word for word
OLDER = 60  # messages that a summary has not got, the newest of them
OLDER_CHARACTERS = 1_000  # of each of them
EVERYTHING = 2**62
REMEMBERED = "remembered"
EPISODES_OF = 500  # older messages that are looked through
GOAL_CHARACTERS = 4_000
USUAL = MemoryUse()
log = logging.getLogger(__name__)


class ThreadMemory:
    def __init__(
        self,
        store: ThreadStore,
        policies: Policies,
        agents: AgentDirectory | None = None,
        facts: FactRecall | None = None,
    ) -> None:
        self._store = store
        self._policies = policies
        self._agents = agents
        self._facts = facts

    async def __call__(self, question: Question) -> dict[str, Any]:
        """`messages`: the last ones, word for word; `summary` of those up to some message; `older`: those
        between. Raises NotFound for a thread that is gone."""
        thread_id = str(question.arguments["thread"])
        before = int(question.arguments.get("before") or 0) or EVERYTHING
        known = await self._store.get(question.workspace_id, thread_id)
        history = (await self._policies.of(known)).history
        # A message that waited for its turn stands before the answers that were given meanwhile.
        own = known.turn.open and known.turn.run_id in ("", question.run_id)
        last = await self._store.last_before(
            question.workspace_id, thread_id, before=before, after=0, limit=MAX_HISTORY + OLDER, answers=own
        )
        verbatim = _last_that_fit(last, history)
        rest = last[: len(last) - len(verbatim)]
        summary = known.summary if known.summary_upto < before else ""
        older = [one for one in rest if not summary or one.number > known.summary_upto][-OLDER:]
        told = {
            "summary": summary,
            "upto": known.summary_upto if summary else 0,
            "older": [_row(one, OLDER_CHARACTERS, before) for one in older],
            "messages": [_row(one, CHARACTERS, before) for one in verbatim],
        }
        first = verbatim[0].number if verbatim else before
        kept = await self._remembered(question, known.thread, first)
        return told | {REMEMBERED: kept} if kept else told

    async def _remembered(self, question: Question, thread: Thread, first: int) -> dict[str, Any]:
        """`facts` and `episodes`; nothing where there are none, and where they cannot be read."""
        use = await self._use(thread)
        if self._facts is None or not (use.facts or use.episodes):
            return {}
        place = (question.workspace_id, thread.id)
        turns = list[ThreadMessage]()
        if use.episodes and first > 1:
            turns = await self._store.last_before(*place, before=first, after=0, limit=EPISODES_OF)
        asked = Recalling(
            workspace_id=question.workspace_id,
            goal=await self._goal(question, thread),
            principal=question.principal,
            thread=thread.id,
            agent=thread.agent.partition("@")[0],
            facts=use.facts,
            episodes=use.episodes,
            tokens=use.tokens,
            turns=tuple(_row(one, CHARACTERS, first) for one in turns),
        )
        try:
            found = await self._facts.recall(asked)
        except FlowmatikError as error:  # the conversation goes on without
            log.warning("nothing can be remembered now", extra={"thread": thread.id, "code": error.code})
            return {}
        return {name: rows for name, rows in found.items() if rows}

    async def _goal(self, question: Question, thread: Thread) -> str:
        """What the run is to answer: the messages of its turn."""
        after = int(question.arguments.get("before") or 0) - 1
        said = await self._store.messages(question.workspace_id, thread.id, after=max(0, after), limit=20)
        return "\n".join(one.text for one in said if one.role is Role.PERSON)[:GOAL_CHARACTERS]

    async def _use(self, thread: Thread) -> MemoryUse:
        if self._agents is None or not thread.agent:
            return USUAL
        with contextlib.suppress(NotFound):  # it was removed: its runs say so
            return (await self._agents.get(thread.workspace_id, thread.agent)).memory or USUAL
        return USUAL


def _last_that_fit(messages: list[ThreadMessage], most: int) -> list[ThreadMessage]:
    kept, size = list[ThreadMessage](), 0
    for message in reversed(messages[-most:]):
        size += len(message.text)
        if kept and size > CHARACTERS:
            break
        kept.append(message)
    return kept[::-1]


def _row(message: ThreadMessage, most: int, before: int) -> dict[str, Any]:
    """A summary goes up to the number of a row: never past a message that it does not hold."""
    text = message.text if len(message.text) <= most else message.text[:most] + " …"
    return {"number": min(message.number, before - 1), "from": message.role.value, "text": text}
