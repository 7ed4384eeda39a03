"""Which run answers what: turns of a thread begin, hear what is said meanwhile, and end.

A turn is claimed in the store, with the messages that it answers, before its run is created under a key made
of the thread and the turn: whoever ends in between, the next one who looks creates the same run. What became
of a run is heard from the bus. Each step writes and then looks again, so that of two at the same moment the
later one sees what the other did.
"""

import contextlib
import logging

from flowmatik.contracts.runs import MAX_GOAL_CHARACTERS, NewRun, Runs
from flowmatik.contracts.threads import Interrupt, Role, ThreadMessage, ThreadState
from flowmatik.core.messages import RunMessages
from flowmatik.core.threads.policies import Policies
from flowmatik.core.threads.rows import Entry, Known
from flowmatik.core.threads.store import ThreadStore, place_of
from flowmatik.kernel.errors import Conflict, FlowmatikError, Unavailable

log = logging.getLogger(__name__)
OTHER_REQUEST = "conflict.idempotency_key"  # of a turn's key: it has its run
SUPERSEDED = "a later message of the conversation came"


class Turns:
    def __init__(self, store: ThreadStore, runs: Runs, tell: RunMessages, policies: Policies) -> None:
        self._store = store
        self._runs = runs
        self._tell = tell
        self._policies = policies

    async def advance(self, workspace_id: str, thread_id: str) -> None:
        """Whatever is to be done for the thread now: nothing when it waits for its run, or for a person.
        Raises Unavailable when a store is away; asked again later, it goes on from there."""
        while True:
            known = await self._store.get(workspace_id, thread_id)
            waiting = await self._store.waiting(workspace_id, thread_id)
            if known.turn.open:
                return await self._meanwhile(known, waiting)
            if known.thread.state is not ThreadState.AGENT or not waiting:
                return
            interrupt = (await self._policies.of(known)).interrupt
            last = waiting[0] if interrupt is Interrupt.QUEUE else _that_fit(waiting)[-1]
            await self._store.begin(known, last.number)

    async def _meanwhile(self, known: Known, waiting: list[ThreadMessage]) -> None:
        if not known.turn.run_id:
            if not await self._create(known):
                return await self.advance(*place_of(known))
            known = await self._store.get(*place_of(known))
            if not known.turn.open or not known.turn.run_id:
                return
        if known.turn.superseded:
            return await self.cancel(known)
        if not waiting:
            return
        interrupt = (await self._policies.of(known)).interrupt
        if interrupt is Interrupt.STEER:
            for n, message in enumerate(waiting):
                earlier = [one.number for one in waiting[:n]]
                await self._tell.tell(known.turn.run_id, message, earlier)
        elif interrupt is Interrupt.CANCEL:
            await self._store.supersede(known)
            await self.cancel(known)

    async def cancel(self, known: Known) -> None:
        """The run of its turn; one that has ended already is heard of."""
        if known.turn.open and known.turn.run_id:
            with contextlib.suppress(Conflict):
                await self._runs.cancel(known.thread.workspace_id, known.turn.run_id, reason=SUPERSEDED)

    async def _create(self, known: Known) -> bool:
        """The run of a turn that has none yet. False when there can be none: the thread says why."""
        thread, turn = known.thread, known.turn
        messages = await self._store.of_turn(thread.workspace_id, thread.id, turn.number)
        if not messages:  # a person has answered them at that moment
            await self._store.end(known, _note(turn.number, "superseded", "", ""))
            return False
        goal = "\n\n".join(message.text for message in messages)
        new = NewRun(
            goal=goal,
            agent=thread.agent,
            language=thread.language,
            sources=thread.sources,
            budget_micros=thread.budget_micros,
            principal=messages[-1].author or thread.created_by,
            idempotency_key=f"thread:{thread.id}:{turn.number}",
            thread=thread.id,
            thread_before=messages[0].number,
            thread_turn=turn.number,
        )
        try:
            run_id = await self._runs.create(thread.workspace_id, new)
        except Unavailable:
            raise
        except FlowmatikError as error:
            if error.code == OTHER_REQUEST:  # somebody was faster, and the run has heard more by now
                run_id = str(error.context["run_id"])
                await self._store.name(thread.workspace_id, thread.id, turn.number, run_id)
                return True
            log.info("no run could begin", extra={"thread": thread.id, "code": error.code})
            await self._store.end(known, _note(turn.number, "not_begun", error.message, thread.agent))
            return False
        await self._store.name(thread.workspace_id, thread.id, turn.number, run_id)
        return True


def _that_fit(waiting: list[ThreadMessage]) -> list[ThreadMessage]:
    """As many as one goal can hold, at least the first."""
    size, fit = 0, list[ThreadMessage]()
    for message in waiting:
        size += len(message.text) + 2
        if fit and size > MAX_GOAL_CHARACTERS:
            break
        fit.append(message)
    return fit


def _note(turn: int, code: str, text: str, author: str) -> Entry:
    return Entry(role=Role.NOTE, code=code, text=text, author=author, key=f"turn:{turn}")
