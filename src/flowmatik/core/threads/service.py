"""Implements `Threads`."""

from collections.abc import Awaitable, Callable

from flowmatik.contracts.agents import AgentDirectory
from flowmatik.contracts.retention import Retention
from flowmatik.contracts.runs import NewRun, RunFilter, Runs
from flowmatik.contracts.threads import (
    MAX_HISTORY,
    MAX_MESSAGE_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    MessagePage,
    NewThread,
    Role,
    Thread,
    ThreadMessage,
    ThreadPage,
    ThreadState,
)
from flowmatik.core import asked
from flowmatik.core.guarded_inputs import InputGuard
from flowmatik.core.pages import check_limit, cursor_of, place_at
from flowmatik.core.threads.rows import Entry, Known
from flowmatik.core.threads.store import ThreadStore
from flowmatik.core.threads.turns import Turns
from flowmatik.kernel.errors import Conflict, InvalidInput
from flowmatik.kernel.ids import new_id

MAX_REASON_CHARACTERS = 500


class ThreadService:
    def __init__(
        self, store: ThreadStore, turns: Turns, runs: Runs, retention: Retention, agents: AgentDirectory
    ) -> None:
        self._store = store
        self._turns = turns
        self._runs = runs
        self._retention = retention
        self._agents = agents
        self._guard = InputGuard(agents)

    async def create(self, workspace_id: str, new: NewThread) -> Thread:
        _check(new)
        if new.agent:
            await self._agents.get(workspace_id, new.agent)
        return (await self._store.create(workspace_id, new)).thread

    async def get(self, workspace_id: str, thread_id: str) -> Thread:
        return (await self._store.get(workspace_id, thread_id)).thread

    async def list(
        self, workspace_id: str, *, state: ThreadState | None = None, cursor: str = "", limit: int = 50
    ) -> ThreadPage:
        check_limit(limit)
        at = place_at(cursor, str)
        found = await self._store.newest(workspace_id, state, before=at[0] if at else "", limit=limit + 1)
        shown = tuple(known.thread for known in found[:limit])
        return ThreadPage(items=shown, next=cursor_of((shown[-1].id,)) if len(found) > limit else "")

    async def messages(
        self, workspace_id: str, thread_id: str, *, after: int = 0, cursor: str = "", limit: int = 50
    ) -> MessagePage:
        check_limit(limit)
        at = place_at(cursor, int)
        await self._store.get(workspace_id, thread_id)
        after = max(after, at[0]) if at else after
        found = await self._store.messages(workspace_id, thread_id, after=after, limit=limit + 1)
        shown = tuple(found[:limit])
        return MessagePage(items=shown, next=cursor_of((shown[-1].number,)) if len(found) > limit else "")

    async def send(
        self, workspace_id: str, thread_id: str, text: str, *, by: str = "", idempotency_key: str = ""
    ) -> ThreadMessage:
        _check_text(text, idempotency_key)
        key = f"said:{idempotency_key or new_id('inp')}"
        thread = (await self._store.get(workspace_id, thread_id)).thread
        text = await self._guard.text(workspace_id, thread.agent, text)
        entry = Entry(role=Role.PERSON, text=text, author=by, key=key)
        message = await self._added(
            workspace_id, thread_id, entry, lambda at: self._store.say(at, entry), _closed
        )
        await self._turns.advance(workspace_id, thread_id)
        return await self._store.by_key(workspace_id, thread_id, key) or message

    async def reply(
        self, workspace_id: str, thread_id: str, text: str, *, by: str, idempotency_key: str = ""
    ) -> ThreadMessage:
        _check_text(text, idempotency_key)
        key = f"reply:{idempotency_key or new_id('inp')}"
        entry = Entry(role=Role.AGENT, text=text, author=by, key=key)
        return await self._added(
            workspace_id, thread_id, entry, lambda at: self._store.reply(at, by, entry), _not_held
        )

    async def _added(
        self,
        workspace_id: str,
        thread_id: str,
        entry: Entry,
        add: Callable[[tuple[str, str]], Awaitable[bool]],
        refusal: Callable[[Thread], Conflict],
    ) -> ThreadMessage:
        known = await self._store.get(workspace_id, thread_id)
        before = await self._store.by_key(workspace_id, thread_id, entry.key)
        if before is None and not await add((workspace_id, thread_id)):
            known = await self._store.get(workspace_id, thread_id)
            raise refusal(known.thread)
        message = before or await self._store.by_key(workspace_id, thread_id, entry.key)
        if message is None:  # deleted at this moment
            raise refusal(known.thread)
        if message.text != entry.text:
            raise Conflict(
                f"this idempotency key belongs to message {message.number} of thread {thread_id}, which says "
                "something else; use a new key for a new message",
                code="conflict.message_key",
                context={"thread": thread_id, "number": message.number},
            )
        return message

    async def take(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        known = await self._store.get(workspace_id, thread_id)
        thread = known.thread
        if thread.state is ThreadState.PERSON and thread.holder == by:
            return thread
        if not await self._store.take((workspace_id, thread_id), by, _note("taken", by, reason)):
            thread = (await self._store.get(workspace_id, thread_id)).thread
            raise _closed(thread) if thread.state is ThreadState.CLOSED else _taken(thread)
        return await self._stopped(workspace_id, thread_id)

    async def give_back(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        await self._store.get(workspace_id, thread_id)
        note = _note("given_back", by, reason)
        if not await self._store.give_back((workspace_id, thread_id), note):
            raise _not_held((await self._store.get(workspace_id, thread_id)).thread)
        await self._turns.advance(workspace_id, thread_id)
        return await self.get(workspace_id, thread_id)

    async def close(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        await self._store.get(workspace_id, thread_id)
        await self._store.close((workspace_id, thread_id), _note("closed", by, reason))
        return await self._stopped(workspace_id, thread_id)

    async def _stopped(self, workspace_id: str, thread_id: str) -> Thread:
        """Nobody waits any more for what its run would say."""
        known = await self._store.get(workspace_id, thread_id)
        if known.turn.superseded:
            await self._turns.cancel(known)
        return known.thread

    async def delete(self, workspace_id: str, thread_id: str, *, by: str) -> int:
        known = await self._store.get(workspace_id, thread_id)
        _check_idle(known)
        count = 0
        while page := (await self._runs.list(workspace_id, RunFilter(thread=thread_id), limit=100)).items:
            for run in page:
                await self._retention.delete(workspace_id, run.id, by=by)
                count += 1
        if not await self._store.delete(workspace_id, thread_id):
            _check_idle(await self._store.get(workspace_id, thread_id))
        return count


def _check(new: NewThread) -> None:
    if len(new.title) > MAX_TITLE_CHARACTERS:
        raise InvalidInput(
            f"the title has {len(new.title)} characters; at most {MAX_TITLE_CHARACTERS} are allowed",
            code="input.thread.title",
            context={"characters": len(new.title), "limit": MAX_TITLE_CHARACTERS},
        )
    if new.history is not None and not 1 <= new.history <= MAX_HISTORY:
        raise InvalidInput(
            f"a run cannot be told the last {new.history} messages; from 1 to {MAX_HISTORY} are possible",
            code="input.thread.history",
            context={"value": new.history, "limit": MAX_HISTORY},
        )
    asked.check_text("title", new.title)
    asked.check_text("idempotency_key", new.idempotency_key)
    asked.check(
        NewRun(
            goal="-",
            agent=new.agent,
            language=new.language,
            sources=new.sources,
            budget_micros=new.budget_micros,
        )
    )


def _check_text(text: str, key: str) -> None:
    if not text.strip() or len(text) > MAX_MESSAGE_CHARACTERS:
        raise InvalidInput(
            f"the message has {len(text):,} characters; it must have 1 to {MAX_MESSAGE_CHARACTERS:,} and say "
            "something: put long material in documents and ask about them",
            code="input.message",
            context={"characters": f"{len(text):,}", "limit": f"{MAX_MESSAGE_CHARACTERS:,}"},
        )
    asked.check_text("text", text)
    asked.check_text("idempotency_key", key)


def _check_idle(known: Known) -> None:
    if known.turn.open:
        raise Conflict(
            f"a run of thread {known.thread.id} is on; close the thread, which cancels it, then delete it",
            code="conflict.thread_busy",
            context={"thread": known.thread.id, "run_id": known.turn.run_id},
        )


def _note(code: str, by: str, reason: str) -> Entry:
    if len(reason) > MAX_REASON_CHARACTERS:
        raise InvalidInput(
            f"the reason has {len(reason)} characters; at most {MAX_REASON_CHARACTERS} are allowed",
            code="input.thread.reason",
            context={"characters": len(reason), "limit": MAX_REASON_CHARACTERS},
        )
    asked.check_text("reason", reason)
    return Entry(role=Role.NOTE, code=code, text=reason, author=by, key=f"note:{new_id('inp')}")


def _closed(thread: Thread) -> Conflict:
    return Conflict(
        f"thread {thread.id} is closed; begin a new one",
        code="conflict.thread_closed",
        context={"thread": thread.id},
    )


def _taken(thread: Thread) -> Conflict:
    return Conflict(
        f"{thread.holder} has thread {thread.id} already; it must be given back first",
        code="conflict.thread_taken",
        context={"thread": thread.id, "holder": thread.holder},
    )


def _not_held(thread: Thread) -> Conflict:
    if thread.state is ThreadState.CLOSED:
        return _closed(thread)
    return Conflict(
        f"you have not taken thread {thread.id}; take it first",
        code="conflict.thread_not_held",
        context={"thread": thread.id},
    )
