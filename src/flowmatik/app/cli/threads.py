"""`flowmatik threads …`: look at conversations, say something in them, take them over and give them back."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.cli.talk import Talk, message_line, show_answer, wait_for_answer
from flowmatik.app.cli.telling import done, told
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.threads import Thread, ThreadMessage, ThreadState
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.ids import new_id

threads_app = typer.Typer(help="help.threads", no_args_is_help=True)

ThreadId = Annotated[str, typer.Argument(help="help.threads.id", metavar="THREAD_ID")]
Text = Annotated[str, typer.Argument(help="help.threads.text", metavar="TEXT")]
Reason = Annotated[str, typer.Option(help="help.threads.reason", show_default=False)]
PAGE = 200


@threads_app.command("list", help="help.threads.list")
def list_threads(
    context: typer.Context,
    state: Annotated[ThreadState | None, typer.Option(help="help.threads.state")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="help.runs.limit")] = 20,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_list(session, state, limit, cursor))


@threads_app.command("show", help="help.threads.show")
def show(context: typer.Context, thread_id: ThreadId) -> None:
    session = session_of(context)
    session.run(_show(session, thread_id))


@threads_app.command("send", help="help.threads.send")
def send(
    context: typer.Context,
    thread_id: ThreadId,
    text: Text,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="help.threads.wait")] = True,
) -> None:
    session = session_of(context)
    session.run(_send(session, thread_id, text, wait=wait))


@threads_app.command("take", help="help.threads.take")
def take(context: typer.Context, thread_id: ThreadId, reason: Reason = "") -> None:
    session = session_of(context)

    async def work(backend: Backend) -> Thread:
        by = backend.principal.id
        return await backend.threads.take(backend.workspace_id, thread_id, by=by, reason=reason)

    session.run(done(session, work, _print_thread))


@threads_app.command("reply", help="help.threads.reply")
def reply(context: typer.Context, thread_id: ThreadId, text: Text) -> None:
    session = session_of(context)
    session.run(_reply(session, thread_id, text))


@threads_app.command("give-back", help="help.threads.give_back")
def give_back(context: typer.Context, thread_id: ThreadId, reason: Reason = "") -> None:
    session = session_of(context)

    async def work(backend: Backend) -> Thread:
        by = backend.principal.id
        return await backend.threads.give_back(backend.workspace_id, thread_id, by=by, reason=reason)

    session.run(done(session, work, _print_thread))


@threads_app.command("close", help="help.threads.close")
def close(context: typer.Context, thread_id: ThreadId, reason: Reason = "") -> None:
    session = session_of(context)

    async def work(backend: Backend) -> Thread:
        by = backend.principal.id
        return await backend.threads.close(backend.workspace_id, thread_id, by=by, reason=reason)

    session.run(done(session, work, _print_thread))


@threads_app.command("delete", help="help.threads.delete")
def delete(context: typer.Context, thread_id: ThreadId) -> None:
    session = session_of(context)
    session.run(_delete(session, thread_id))


async def _list(session: Session, state: ThreadState | None, limit: int, cursor: str) -> int:
    page = await session.on_backend(
        lambda backend: backend.threads.list(backend.workspace_id, state=state, cursor=cursor, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(item) for item in page.items]
        session.print_json({"items": items, "next": page.next or None})
        return ExitCode.OK
    if not page.items:
        session.say("threads.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("id", "state", "agent", "messages", "title"):
        table.add_column(session.text(f"threads.{key}"), no_wrap=True, overflow="ellipsis")
    for item in page.items:
        state_text = session.text(f"threads.state.{item.state.value}")
        table.add_row(item.id, state_text, item.agent, str(item.messages), clean(item.title))
    session.out.print(table)
    if page.next:
        session.say("threads.more", cursor=page.next)
    return ExitCode.OK


async def _show(session: Session, thread_id: str) -> int:
    async def work(backend: Backend) -> tuple[Thread, list[ThreadMessage]]:
        thread = await backend.threads.get(backend.workspace_id, thread_id)
        found, cursor = list[ThreadMessage](), ""
        while True:
            page = await backend.threads.messages(backend.workspace_id, thread_id, cursor=cursor, limit=PAGE)
            found += page.items
            cursor = page.next
            if not cursor:
                return thread, found

    thread, messages = await session.on_backend(work)
    if session.json:
        said = [dataclasses.asdict(one) for one in messages]
        session.print_json({**dataclasses.asdict(thread), "items": said})
        return ExitCode.OK
    _print_thread(session, thread)
    for message in messages:
        session.print(message_line(session, message))
    return ExitCode.OK


async def _send(session: Session, thread_id: str, text: str, *, wait: bool) -> int:
    talk = Talk(thread_id=thread_id)
    key = new_id("inp")  # sent again, it is still the same message

    async def work(backend: Backend) -> int:
        message = await backend.threads.send(
            backend.workspace_id, thread_id, text, by=backend.principal.id, idempotency_key=key
        )
        if not wait:
            return told(session, message, _said)
        answer = await wait_for_answer(session, backend, talk, message.number)
        return show_answer(session, answer)

    return await session.on_backend(work)


async def _reply(session: Session, thread_id: str, text: str) -> int:
    key = new_id("inp")

    async def work(backend: Backend) -> ThreadMessage:
        by = backend.principal.id
        return await backend.threads.reply(backend.workspace_id, thread_id, text, by=by, idempotency_key=key)

    return await done(session, work, _said)


async def _delete(session: Session, thread_id: str) -> int:
    tries = 0

    async def work(backend: Backend) -> int:
        nonlocal tries
        tries += 1
        try:
            return await backend.threads.delete(backend.workspace_id, thread_id, by=backend.principal.id)
        except NotFound:  # the process that was asked before has ended, but not without deleting it
            if tries == 1:
                raise
            return 0

    count = await session.on_backend(work)
    if session.json:
        session.print_json({"deleted": thread_id, "runs": count})
    else:
        session.say("threads.deleted", thread=thread_id, count=count)
    return ExitCode.OK


def _said(session: Session, message: ThreadMessage) -> None:
    session.say("threads.said", number=message.number, thread=message.thread_id)


def _print_thread(session: Session, thread: Thread) -> None:
    values = {
        "id": thread.id,
        "title": thread.title,
        "state": session.text(f"threads.state.{thread.state.value}"),
        "holder": thread.holder,
        "agent": thread.agent,
        "run": thread.run_id,
    }
    for key, value in values.items():
        if value:
            session.print(f"{session.text(f'threads.{key}')}: {value}")
