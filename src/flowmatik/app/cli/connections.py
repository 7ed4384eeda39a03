"""`flowmatik connections …`: the keys with which tools act as you at other services."""

import asyncio
import dataclasses
import sys
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.connections import Connection
from flowmatik.kernel.errors import InvalidInput

connections_app = typer.Typer(help="help.connections", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="help.connections.name", metavar="NAME")]
Shared = Annotated[bool, typer.Option("--workspace", help="help.connections.workspace")]
PATH = "/flowmatik/callback"
LONGEST_REQUEST = 16_384


@connections_app.command("list", help="help.connections.list")
def list_connections(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@connections_app.command("add", help="help.connections.add")
def add(context: typer.Context, name: Name, workspace: Shared = False) -> None:
    session = session_of(context)
    if sys.stdin.isatty():
        question = session.text("connections.secret", name=name)
        secret = str(typer.prompt(question, hide_input=True, prompt_suffix=" ", err=True))
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    session.run(_add(session, name, secret, shared=workspace))


@connections_app.command("login", help="help.connections.login")
def login(
    context: typer.Context,
    name: Name,
    workspace: Shared = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="help.connections.browser")] = True,
) -> None:
    session = session_of(context)
    session.run(_login(session, name, shared=workspace, browser=browser))


@connections_app.command("remove", help="help.connections.remove")
def remove(context: typer.Context, name: Name, workspace: Shared = False) -> None:
    session = session_of(context)
    session.run(_remove(session, name, shared=workspace))


async def _list(session: Session) -> int:
    found = await session.on_backend(
        lambda backend: backend.connections.list(backend.workspace_id, backend.principal.id)
    )
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    for one in found:
        session.print(_line(session, one))
    return ExitCode.OK


def _line(session: Session, one: Connection) -> str:
    whose = session.text("connections.shared" if one.shared else "connections.own")
    return f"{one.name}  {one.kind}  {whose}  {session.text(f'connections.state.{one.state}')}"


async def _add(session: Session, name: str, secret: str, *, shared: bool) -> int:
    made = await session.on_backend(
        lambda backend: backend.connections.put(
            backend.workspace_id, backend.principal.id, name, secret, shared=shared
        )
    )
    return _made(session, made)


def _made(session: Session, one: Connection) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(one))
    else:
        session.say("connections.added", name=one.name)
    return ExitCode.OK


async def _remove(session: Session, name: str, *, shared: bool) -> int:
    await session.on_backend(
        lambda backend: backend.connections.remove(
            backend.workspace_id, backend.principal.id, name, shared=shared
        )
    )
    if session.json:
        session.print_json({"removed": name})
    else:
        session.say("connections.removed", name=name)
    return ExitCode.OK


async def _login(session: Session, name: str, *, shared: bool, browser: bool) -> int:
    """The person agrees in a browser, which comes back to a port of this machine (RFC 8252, section 7.3)."""

    async def work(backend: Backend) -> Connection:
        workspace, me, connections = backend.workspace_id, backend.principal.id, backend.connections
        async with _listening(session) as (address, returned):
            begun = await connections.begin(workspace, me, name, address, shared=shared)
            session.say("connections.open", url=begun.url)
            if browser:
                await asyncio.to_thread(webbrowser.open, begun.url)
            try:
                async with asyncio.timeout(begun.expires_in):
                    state, code = await returned
            except TimeoutError as error:
                raise _no_login(name, "timeout") from error
            if state != begun.state or not code:
                raise _no_login(name, "state" if state != begun.state else "denied")
            return await connections.finish(workspace, me, state, code)

    async with session.backend() as backend:
        return _made(session, await work(backend))


def _no_login(name: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"the login of {name!r} came to nothing ({why}); begin again",
        code="input.connection.login",
        context={"name": name, "said": why},
    )


@asynccontextmanager
async def _listening(session: Session) -> AsyncGenerator[tuple[str, asyncio.Future[tuple[str, str]]]]:
    """An address of this machine, and what the first to come back to it brings."""
    returned: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()

    async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                line = (await reader.readline()).decode("ascii", "replace")
            target = urlsplit(line.split(" ")[1] if line.count(" ") == 2 else "")
            fields = parse_qs(target.query)
            known = target.path == PATH and "state" in fields
            if known and not returned.done():
                returned.set_result((fields["state"][0], fields.get("code", [""])[0]))
            writer.write(_answer(session.text("connections.back" if known else "connections.nothing"), known))
            await writer.drain()
        except (TimeoutError, OSError, ValueError):
            session.say("connections.strange")
        finally:
            writer.close()

    server = await asyncio.start_server(came, "127.0.0.1", 0, limit=LONGEST_REQUEST)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{PATH}", returned
    finally:
        server.close()


def _answer(text: str, known: bool) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {'200 OK' if known else '404 Not Found'}",
        "Content-Type: text/plain; charset=utf-8",
        "Referrer-Policy: no-referrer",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body
