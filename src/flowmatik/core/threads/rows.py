"""Threads and their messages as the store has them."""

from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.database import Row
from flowmatik.contracts.threads import Interrupt, Role, Thread, ThreadMessage, ThreadState
from flowmatik.kernel import canonical

ANSWERED_BY_PERSON = -1  # in place of a turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The last run of a thread: `open` while it is on, `run_id` "" until it has been created, `superseded`
    when it is being cancelled, so that its messages go to the next one."""

    number: int
    open: bool
    superseded: bool
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A thread as it was read. `summary` stands for its messages up to `summary_upto`."""

    thread: Thread
    turn: Turn
    summary: str
    summary_upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message to be added. `key`: the same is added once."""

    role: Role
    text: str
    key: str
    author: str = ""
    code: str = ""
    run_id: str = ""


def known_of(row: Row) -> Known:
    turn = Turn(number=int(row[15]), open=bool(row[16]), superseded=bool(row[17]), run_id=str(row[18]))
    thread = Thread(
        id=str(row[0]),
        workspace_id=str(row[1]),
        title=str(row[2]),
        state=ThreadState(str(row[3])),
        agent=str(row[4]),
        interrupt=Interrupt(str(row[5])) if row[5] else None,
        history=None if row[6] is None else int(row[6]),
        language=str(row[7]),
        sources=tuple(str(one) for one in cast("list[Any]", canonical.loads(str(row[8])))),
        budget_micros=None if row[9] is None else int(row[9]),
        created_by=str(row[10]),
        created_at=str(row[11]),
        updated_at=str(row[12]),
        holder=str(row[13]),
        messages=int(row[14]),
        run_id=turn.run_id if turn.open else "",
    )
    return Known(thread=thread, turn=turn, summary=str(row[19]), summary_upto=int(row[20]))


def message_of(row: Row) -> ThreadMessage:
    return ThreadMessage(
        thread_id=str(row[0]),
        number=int(row[1]),
        role=Role(str(row[2])),
        code=str(row[3]),
        author=str(row[4]),
        text=str(row[5]),
        at=str(row[6]),
        run_id=str(row[7]),
    )
