"""Threads: conversations of many runs, between people and agents, that a person may take over."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from flowmatik.kernel.errors import NotFound

MAX_MESSAGE_CHARACTERS = 10_000
MAX_TITLE_CHARACTERS = 200
MAX_HISTORY = 100
HISTORY = 12  # messages that a run knows word for word where nobody says how many


class ThreadState(StrEnum):
    """Who answers: the agent, a person, or nobody any more."""

    AGENT = "agent"
    PERSON = "person"
    CLOSED = "closed"


class Interrupt(StrEnum):
    """What a message does that comes while a run is on: it is answered after it, goes into it, or ends it,
    and the next run answers both."""

    QUEUE = "queue"
    STEER = "steer"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPolicy:
    """How an agent holds conversations: `history` messages it is told word for word. `on_failure`: when a run
    fails, the thread says so ("tell"), and goes to a person besides ("person")."""

    interrupt: Interrupt = Interrupt.QUEUE
    history: int = HISTORY
    on_failure: Literal["tell", "person"] = "tell"


class Role(StrEnum):
    """Who speaks: the person whose conversation it is, the agent (or whoever has taken its place), or nobody:
    a note of what was done to the conversation."""

    PERSON = "person"
    AGENT = "agent"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThread:
    """`agent`: who answers; "" lets the Brain plan every message. `interrupt` and `history` (how many
    messages a run knows word for word, 1 to MAX_HISTORY): None is as the agent's profile says, and QUEUE and
    HISTORY where it says nothing. `language`, `sources`, `budget_micros`: of each run, as in NewRun.
    `principal`: whose it is. `idempotency_key`: the same key in a workspace returns the first thread."""

    agent: str = ""
    title: str = ""
    interrupt: Interrupt | None = None
    history: int | None = None
    language: str = ""
    sources: tuple[str, ...] = ()
    budget_micros: int | None = None
    principal: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """`holder`: the person who has it, "" when an agent handed it over and nobody has taken it yet. `run_id`:
    the run that is on; "" when none is. Times are RFC 3339 UTC."""

    id: str
    workspace_id: str
    title: str
    state: ThreadState
    agent: str
    interrupt: Interrupt | None
    history: int | None
    language: str
    sources: tuple[str, ...]
    budget_micros: int | None
    created_by: str
    created_at: str
    updated_at: str
    messages: int
    holder: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadMessage:
    """`number` counts from 1, notes included. `author`: a user's id, or the name of an agent. `code`, of a
    note: `taken`, `given_back`, `handed_over`, `closed`, `superseded` (a later message ended the run),
    `run_failed`, `run_cancelled`, `not_begun`; its `text` says more, in English or a person's words.
    `run_id`: the run that answers or said it; "" of a message that waits."""

    thread_id: str
    number: int
    role: Role
    author: str
    text: str
    at: str
    code: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPage:
    """`next`: opaque cursor, "" on the last page."""

    items: tuple[Thread, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    items: tuple[ThreadMessage, ...]
    next: str = ""


class ThreadIndex(Protocol):
    """Which conversations there are."""

    async def exists(self, workspace_id: str, thread_id: str) -> bool: ...


class Threads(Protocol):
    """Every method is for one workspace; a thread of another one is NotFound (`not_found.thread`). Each
    message of a person is answered by one run and no more, whatever happens at the same moment; while a
    person has the thread, and once it is closed, no run begins.

    `by` is who does it, which a note records. A closed thread raises Conflict (`conflict.thread_closed`).
    """

    async def create(self, workspace_id: str, new: NewThread) -> Thread:
        """NotFound for an unknown agent, InvalidInput for a title or history out of bounds, and for whatever
        `Runs.create` would refuse of the rest."""
        ...

    async def get(self, workspace_id: str, thread_id: str) -> Thread: ...

    async def list(
        self, workspace_id: str, *, state: ThreadState | None = None, cursor: str = "", limit: int = 50
    ) -> ThreadPage:
        """The newest first."""
        ...

    async def send(
        self, workspace_id: str, thread_id: str, text: str, *, by: str = "", idempotency_key: str = ""
    ) -> ThreadMessage:
        """What the person says. The same key is the same message; with another text, Conflict
        (`conflict.idempotency_key`). InvalidInput (`input.message`) when it is empty, or has more than
        MAX_MESSAGE_CHARACTERS."""
        ...

    async def messages(
        self, workspace_id: str, thread_id: str, *, after: int = 0, cursor: str = "", limit: int = 50
    ) -> MessagePage:
        """The oldest first, of those after number `after`."""
        ...

    async def take(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        """A person answers from now on; a run that is on is cancelled. Conflict (`conflict.thread_taken`)
        when somebody has it already."""
        ...

    async def reply(
        self, workspace_id: str, thread_id: str, text: str, *, by: str, idempotency_key: str = ""
    ) -> ThreadMessage:
        """In the agent's place; what was said before counts as answered. Conflict
        (`conflict.thread_not_held`) for whoever has not taken the thread."""
        ...

    async def give_back(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        """The agent answers again, first what nobody has. Conflict (`conflict.thread_not_held`) when no
        person has it."""
        ...

    async def close(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        """For ever; a run that is on is cancelled. Closing a closed thread changes nothing."""
        ...

    async def delete(self, workspace_id: str, thread_id: str, *, by: str) -> int:
        """The thread, its messages and its runs, in truth; how many runs went. Conflict
        (`conflict.thread_busy`) while a run is on, or what keeps a run (`conflict.run_kept`): nothing of the
        thread is gone then but runs."""
        ...


def no_thread(thread_id: str) -> NotFound:
    return NotFound(
        f"there is no thread {thread_id[:100]!r}; `flowmatik threads list` shows those that there are",
        code="not_found.thread",
        context={"thread": thread_id[:100]},
    )
