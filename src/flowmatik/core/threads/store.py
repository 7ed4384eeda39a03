"""Threads in the relational store: every change is one transaction that holds wherever two come at once."""

from collections.abc import Awaitable, Callable, Sequence

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.threads import NewThread, Role, ThreadMessage, ThreadState, no_thread
from flowmatik.core.journal.times import text_of
from flowmatik.core.threads import statements as sql
from flowmatik.core.threads.rows import ANSWERED_BY_PERSON, Entry, Known, known_of, message_of
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict
from flowmatik.kernel.ids import new_id

Place = tuple[str, str]  # workspace and thread
EXISTS = "conflict.exists"  # what a store says of a key that is there


class ThreadStore:
    """Also a `ThreadIndex`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._gone: Callable[[str, str], Awaitable[object]] | None = None

    def tell_when_gone(self, gone: Callable[[str, str], Awaitable[object]]) -> None:
        """`gone(workspace, thread)` is called before a thread is deleted; it may be called again."""
        self._gone = gone

    def over(self, database: Database) -> "ThreadStore":
        """The same threads as another role sees them."""
        other = ThreadStore(database, self._clock)
        other._gone = self._gone
        return other

    # --- reading ------------------------------------------------------------------------------

    async def exists(self, workspace_id: str, thread_id: str) -> bool:
        return bool(await self._database.within(workspace_id).fetch(sql.GET, workspace_id, thread_id))

    async def get(self, workspace_id: str, thread_id: str) -> Known:
        """Raises NotFound (`not_found.thread`)."""
        if "\0" in thread_id or not thread_id.isprintable():
            raise no_thread(ascii(thread_id[:100]))
        rows = await self._database.within(workspace_id).fetch(sql.GET, workspace_id, thread_id)
        if not rows:
            raise no_thread(thread_id)
        return known_of(rows[0])

    async def answered_by(self, workspace_id: str, run_id: str) -> Known | None:
        """The thread whose turn the run is; None when it is none's, or none's any more."""
        rows = await self._database.within(workspace_id).fetch(sql.BY_RUN, workspace_id, run_id)
        return known_of(rows[0]) if rows else None

    async def newest(
        self, workspace_id: str, state: ThreadState | None, *, before: str, limit: int
    ) -> list[Known]:
        wanted = "" if state is None else state.value
        rows = await self._database.within(workspace_id).fetch(sql.LIST, workspace_id, wanted, before, limit)
        return [known_of(row) for row in rows]

    async def messages(
        self, workspace_id: str, thread_id: str, *, after: int, limit: int
    ) -> list[ThreadMessage]:
        rows = await self._database.within(workspace_id).fetch(
            sql.MESSAGES, workspace_id, thread_id, after, limit
        )
        return [message_of(row) for row in rows]

    async def last_before(
        self, workspace_id: str, thread_id: str, *, before: int, after: int, limit: int, answers: bool = False
    ) -> list[ThreadMessage]:
        """What was said, without notes: the last `limit` of the messages between, the oldest of them
        first; with `answers` also those of agents after `before`."""
        also = Role.AGENT.value if answers else ""
        rows = await self._database.within(workspace_id).fetch(
            sql.BEFORE, workspace_id, thread_id, before, after, limit, also
        )
        return [message_of(row) for row in reversed(rows)]

    async def by_key(self, workspace_id: str, thread_id: str, key: str) -> ThreadMessage | None:
        rows = await self._database.within(workspace_id).fetch(
            sql.MESSAGE_BY_KEY, workspace_id, thread_id, key
        )
        return message_of(rows[0]) if rows else None

    async def waiting(self, workspace_id: str, thread_id: str, limit: int = 100) -> list[ThreadMessage]:
        """What no run answers yet, the oldest first."""
        rows = await self._database.within(workspace_id).fetch(sql.WAITING, workspace_id, thread_id, limit)
        return [message_of(row) for row in rows]

    async def of_turn(self, workspace_id: str, thread_id: str, turn: int) -> list[ThreadMessage]:
        rows = await self._database.within(workspace_id).fetch(sql.OF_TURN, workspace_id, thread_id, turn)
        return [message_of(row) for row in rows]

    async def stuck(self) -> list[tuple[str, str]]:
        """(workspace, thread) of what somebody left undone; in all workspaces where the store shows them."""
        return [(str(row[0]), str(row[1])) for row in await self._database.fetch(sql.STUCK)]

    async def workspaces(self) -> list[str]:
        """Those that have threads, as far as the store shows them."""
        return [str(row[0]) for row in await self._database.fetch(sql.WORKSPACES)]

    async def resting(self, workspace_id: str, before: str) -> list[str]:
        """Threads without a run under way, to which nothing has happened since `before`."""
        rows = await self._database.within(workspace_id).fetch(sql.RESTING, workspace_id, before)
        return [str(row[0]) for row in rows]

    # --- writing ------------------------------------------------------------------------------

    async def create(self, workspace_id: str, new: NewThread) -> Known:
        thread_id = new_id("thr")
        key = f"asked:{new.idempotency_key}" if new.idempotency_key else thread_id
        scoped = self._database.within(workspace_id)
        values = (
            workspace_id,
            thread_id,
            key,
            new.title,
            new.agent,
            "" if new.interrupt is None else new.interrupt.value,
            new.history,
            new.language,
            canonical.dumps(list(new.sources)),
            new.budget_micros,
            new.principal,
            self._now(),
        )
        await scoped.transaction([(sql.CREATE, values)])
        return known_of((await scoped.fetch(sql.BY_KEY, workspace_id, key))[0])

    async def say(self, at: Place, entry: Entry) -> bool:
        """What a person says. False when the thread is closed, or not there."""
        claim = new_id("evt")
        return await self._add(at, claim, [self._change(at, claim, sql.SAID)], entry)

    async def reply(self, at: Place, holder: str, entry: Entry) -> bool:
        """False when `holder` does not have the thread."""
        claim = new_id("evt")
        steps = [self._change(at, claim, sql.REPLIED, holder), (sql.ANSWERED, (*at, claim))]
        return await self._add(at, claim, steps, entry)

    async def take(self, at: Place, holder: str, entry: Entry) -> bool:
        claim = new_id("evt")
        return await self._add(at, claim, [self._change(at, claim, sql.TAKEN, holder)], entry)

    async def hand_over(self, at: Place, entry: Entry) -> bool:
        claim = new_id("evt")
        return await self._add(at, claim, [self._change(at, claim, sql.HANDED_OVER)], entry)

    async def give_back(self, at: Place, entry: Entry) -> bool:
        claim = new_id("evt")
        return await self._add(at, claim, [self._change(at, claim, sql.GIVEN_BACK)], entry)

    async def close(self, at: Place, entry: Entry) -> bool:
        claim = new_id("evt")
        return await self._add(at, claim, [self._change(at, claim, sql.CLOSED)], entry)

    async def begin(self, known: Known, upto: int) -> bool:
        """The next turn, which answers all that waits up to message `upto`. False when somebody was
        faster."""
        thread, claim = known.thread, new_id("evt")
        at = (thread.workspace_id, thread.id)
        begun, _ = await self._database.within(thread.workspace_id).transaction(
            [
                (sql.BEGUN, (*at, self._now(), claim, known.turn.number)),
                (sql.FOR_TURN, (*at, claim, known.turn.number + 1, upto)),
            ]
        )
        return bool(begun)

    async def name(self, workspace_id: str, thread_id: str, turn: int, run_id: str) -> None:
        """The run of an open turn; again, it changes nothing."""
        values = (workspace_id, thread_id, turn, run_id)
        await self._database.within(workspace_id).transaction(
            [(sql.NAMED, values), (sql.NAMED_MESSAGES, values)]
        )

    async def end(
        self, known: Known, entry: Entry, *, unanswered: bool = False, unheard: Sequence[int] = ()
    ) -> bool:
        """The turn, with what is said at its end. `unanswered`: its messages wait again; `unheard`: those
        with these numbers. False when it had ended."""
        at, claim = place_of(known), new_id("evt")
        steps = [self._change(at, claim, sql.ENDED, known.turn.number)]
        if unanswered:
            steps.append((sql.UNANSWERED, (*at, claim, known.turn.number)))
        steps += [(sql.UNHEARD, (*at, claim, known.turn.number, number)) for number in unheard]
        return await self._add(at, claim, steps, entry)

    async def supersede(self, known: Known) -> None:
        values = (known.thread.workspace_id, known.thread.id, known.turn.number)
        await self._database.within(known.thread.workspace_id).transaction([(sql.SUPERSEDED, values)])

    async def taken_in(self, workspace_id: str, thread_id: str, run_id: str, number: int) -> None:
        values = (workspace_id, thread_id, run_id, number)
        await self._database.within(workspace_id).transaction([(sql.TAKEN_IN, values)])

    async def summarise(self, workspace_id: str, thread_id: str, text: str, upto: int) -> None:
        values = (workspace_id, thread_id, text, upto)
        await self._database.within(workspace_id).transaction([(sql.SUMMARISED, values)])

    async def delete(self, workspace_id: str, thread_id: str) -> bool:
        """With its messages. False while a run is on."""
        rows = await self._database.within(workspace_id).fetch(sql.GET, workspace_id, thread_id)
        if not rows or known_of(rows[0]).turn.open:
            return False  # and nobody is told that it goes
        if self._gone is not None:
            await self._gone(workspace_id, thread_id)
        values = (workspace_id, thread_id)
        _, gone = await self._database.within(workspace_id).transaction(
            [(sql.DELETE_MESSAGES, values), (sql.DELETE, values)]
        )
        return bool(gone)

    async def _add(self, at: Place, claim: str, steps: Sequence[Statement], entry: Entry) -> bool:
        """`steps`, and `entry` as the thread's next message. What is there under the key stays alone, and
        counts as done."""
        turn = 0 if entry.role is Role.PERSON else ANSWERED_BY_PERSON
        values = (
            *at,
            claim,
            entry.role.value,
            entry.code,
            entry.author,
            entry.text,
            entry.key,
            entry.run_id,
            turn,
        )
        try:
            counts = await self._database.within(at[0]).transaction([*steps, (sql.ADD, values)])
        except Conflict as error:
            if error.code != EXISTS:
                raise
            return True
        return bool(counts[0])

    def _change(self, at: Place, claim: str, statement: str, *more: object) -> Statement:
        return statement, (*at, self._now(), claim, *more)

    def _now(self) -> str:
        return text_of(self._clock.now())


def place_of(known: Known) -> Place:
    return known.thread.workspace_id, known.thread.id
