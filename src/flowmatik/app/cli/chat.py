"""`flowmatik chat`: a conversation, line by line, in a terminal or through a pipe."""

import asyncio
import contextlib
import dataclasses
import sys
import threading
from dataclasses import dataclass
from typing import Annotated

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.run import budget_of
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.talk import Talk, show_answer, wait_for_answer
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.runs import LANGUAGES
from flowmatik.contracts.threads import Interrupt, NewThread, Thread
from flowmatik.kernel.ids import new_id

PROMPT = "> "


def chat_command(
    context: typer.Context,
    thread: Annotated[str, typer.Option(help="help.chat.thread", show_default=False)] = "",
    agent: Annotated[str, typer.Option(help="help.run.agent", show_default=False)] = "",
    title: Annotated[str, typer.Option(help="help.chat.title", show_default=False)] = "",
    interrupt: Annotated[
        Interrupt | None, typer.Option(help="help.chat.interrupt", show_default=False)
    ] = None,
    history: Annotated[int | None, typer.Option(help="help.chat.history", show_default=False)] = None,
    language: Annotated[
        str, typer.Option(help="help.schedules.language", metavar="|".join(LANGUAGES), show_default=False)
    ] = "",
    source: Annotated[list[str] | None, typer.Option(help="help.schedules.source")] = None,
    budget: Annotated[str | None, typer.Option(help="help.chat.budget", show_default=False)] = None,
) -> None:
    session = session_of(context)
    new = NewThread(
        agent=agent,
        title=title,
        interrupt=interrupt,
        history=history,
        language=language,
        sources=tuple(source or ()),
        budget_micros=budget_of(budget),
        idempotency_key=new_id("inp"),
    )
    session.run(_chat(session, thread, new))


@dataclass(slots=True, kw_only=True)
class _Chat:
    """How far it is: `line` is what has been read and is not answered yet, under its `key`."""

    talk: Talk | None = None
    line: str = ""
    key: str = ""
    code: ExitCode = ExitCode.OK


async def _chat(session: Session, thread_id: str, new: NewThread) -> int:
    chat = _Chat()

    async def work(backend: Backend) -> int:
        if chat.talk is None:
            chat.talk = await _greeted(session, await _opened(backend, thread_id, new))
        while True:
            if not chat.line:
                chat.line, chat.key = await _next_line(session), new_id("inp")
            if not chat.line:
                return chat.code
            chat.code = await _turn(session, backend, chat.talk, (chat.line, chat.key))
            chat.line = ""

    return await session.on_backend(work)


async def _opened(backend: Backend, thread_id: str, new: NewThread) -> Thread:
    if thread_id:
        return await backend.threads.get(backend.workspace_id, thread_id)
    mine = dataclasses.replace(new, principal=backend.principal.id)
    return await backend.threads.create(backend.workspace_id, mine)


async def _greeted(session: Session, thread: Thread) -> Talk:
    if session.json:
        session.print_json({"type": "thread", "thread": dataclasses.asdict(thread)})
    else:
        session.say("chat.begun", thread=thread.id)
    return Talk(thread_id=thread.id)


async def _turn(session: Session, backend: Backend, talk: Talk, said: tuple[str, str]) -> ExitCode:
    text, key = said
    message = await backend.threads.send(
        backend.workspace_id, talk.thread_id, text, by=backend.principal.id, idempotency_key=key
    )
    return ExitCode(show_answer(session, await wait_for_answer(session, backend, talk, message.number)))


async def _next_line(session: Session) -> str:
    """On a thread of its own, which keeps nobody from leaving while it waits for a key."""
    loop = asyncio.get_running_loop()
    read: asyncio.Future[str] = loop.create_future()

    def told(line: str) -> None:
        if not read.done():
            read.set_result(line)

    def reading() -> None:
        line = _read_line(session)
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits for it any more
            loop.call_soon_threadsafe(told, line)

    threading.Thread(target=reading, name="stdin", daemon=True).start()
    return await read


def _read_line(session: Session) -> str:
    """The next line that says something; "" at the end of the input."""
    while True:
        if sys.stdin.isatty():
            session.err.print(PROMPT, end="")
        line = sys.stdin.readline()
        if not line or line.strip():
            return line.strip()
