"""`flowmatik login · logout`: a password becomes a token that later calls of --url use."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import typer

from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.logins import Login, Logins, server_address
from flowmatik.kernel.clock import SystemClock

HERE = ("localhost", "127.0.0.1", "::1")


def login_command(
    context: typer.Context,
    username: Annotated[str, typer.Option(help="help.login.username")] = "admin",
) -> None:
    session = session_of(context)
    url = server_address(session.url)
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in HERE:
        session.say("login.in_the_clear", url=url)
    password = _password(session, username, url)
    session.run(_login(session, url, username, password))


def logout_command(context: typer.Context) -> None:
    session = session_of(context)
    gone = Logins(session.environment).forget(session.url)
    if session.json:
        session.print_json({"items": gone, "next": None})
        return
    for url in gone:
        session.say("logout.done", url=url)
    if not gone:
        session.say("logout.nothing")


def _password(session: Session, username: str, url: str) -> str:
    """From the keyboard, unseen; from a pipe, its first line."""
    if sys.stdin.isatty():
        question = session.text("login.password", username=username, url=url)
        return str(typer.prompt(question, hide_input=True, prompt_suffix=" ", err=True))
    return sys.stdin.readline().rstrip("\r\n")


async def _login(session: Session, url: str, username: str, password: str) -> int:
    from flowmatik.app.remote import RemoteServer

    server = RemoteServer(url, "", language=session.language)
    try:
        token, seconds = await server.login(username, password)
    finally:
        await server.close()
    expires_at = (SystemClock().now().astimezone(UTC) + timedelta(seconds=seconds)).isoformat()
    logins = Logins(session.environment)
    login = Login(username=username, token=token, expires_at=expires_at)
    await asyncio.to_thread(logins.keep, url, login)
    if session.json:
        session.print_json({"url": url, "username": username, "expires_at": expires_at})
    until = f"{datetime.fromisoformat(expires_at):%Y-%m-%d %H:%M} UTC"
    session.say("login.done", username=username, url=url, until=until, path=logins.path)
    return ExitCode.OK
