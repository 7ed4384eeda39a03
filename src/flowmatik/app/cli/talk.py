"""Waiting for the answer to a message, and showing it while it is written."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass

from flowmatik.app.backend import Backend
from flowmatik.app.cli.following import told_on_interrupt
from flowmatik.app.cli.session import Session
from flowmatik.app.cli.watch import Following, follow, watcher_for
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.threads import Role, ThreadMessage, ThreadState

LOOK_SECONDS = 0.1
PAGE = 100
WAITING = (ThreadState.PERSON, ThreadState.CLOSED)


@dataclass(slots=True, kw_only=True)
class Talk:
    """How far a conversation has been followed here: `seen` is the last message shown."""

    thread_id: str
    seen: int = 0
    followed: str = ""  # the run that was watched last


async def wait_for_answer(
    session: Session, backend: Backend, talk: Talk, number: int
) -> ThreadMessage | None:
    """What the run that answers message `number` said, or why it did not; None when no run will: a person has
    the thread, or it is closed."""
    while True:
        thread = await backend.threads.get(backend.workspace_id, talk.thread_id)
        messages = [one async for one in _from(backend, talk.thread_id, number - 1)]
        mine = next(one for one in messages if one.number == number)
        if mine.run_id and mine.run_id != talk.followed:  # also one that has ended by now
            talk.followed = mine.run_id
            with told_on_interrupt(session, backend, mine.run_id):
                view = await follow(backend, Following(run_id=mine.run_id), watcher_for(session))
            if not view.status.ended:  # a person is needed, and may take long
                session.say("threads.run_waits", run_id=mine.run_id)
                return None
            continue
        if answer := _answer_to(mine, messages):
            return answer
        if not thread.run_id and thread.state in WAITING:
            return None
        await asyncio.sleep(LOOK_SECONDS)


def _answer_to(mine: ThreadMessage, messages: list[ThreadMessage]) -> ThreadMessage | None:
    """Of the same run; or the note that says why there was none."""
    for one in messages:
        if one.number > mine.number and one.role is not Role.PERSON and one.code != "handed_over":
            if one.run_id == mine.run_id and mine.run_id and one.code != "superseded":
                return one
            if one.code == "not_begun" and not mine.run_id:
                return one
    return None


async def _from(backend: Backend, thread_id: str, after: int) -> AsyncIterator[ThreadMessage]:
    while True:
        page = await backend.threads.messages(backend.workspace_id, thread_id, after=after, limit=PAGE)
        for one in page.items:
            yield one
            after = one.number
        if not page.next:
            return


def show_answer(session: Session, answer: ThreadMessage | None) -> int:
    """The exit code that it means."""
    if session.json:
        session.print_json({"type": "message", "message": answer and dataclasses.asdict(answer)})
    elif answer is None:
        session.say("threads.nobody_answers")
    elif answer.role is Role.AGENT:
        session.print(answer.text)
    else:
        session.say(f"threads.note.{answer.code}", text=answer.text, author=answer.author)
    if answer is None:
        return ExitCode.WAITING
    return ExitCode.OK if answer.role is Role.AGENT else ExitCode.FAILED


def message_line(session: Session, message: ThreadMessage) -> str:
    if message.role is Role.NOTE:
        said = session.text(f"threads.note.{message.code}", text=message.text, author=message.author)
        return f"{message.number}. — {said.rstrip(': ')}"
    who = message.author or session.text(f"threads.role.{message.role.value}")
    return f"{message.number}. {who}: {message.text}"
