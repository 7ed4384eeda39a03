"""`flowmatik memory sources …`: places outside whose documents memory keeps in line with."""

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.memory import ACL
from flowmatik.app.cli.memory_search import memory_app
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.sources import NewSource, Source, SyncReport
from flowmatik.kernel.errors import InvalidInput

sources_app = typer.Typer(help="help.sources", no_args_is_help=True)
memory_app.add_typer(sources_app, name="sources")
POLL_SECONDS = 0.2
_OUTCOMES = ("added", "updated", "moved", "unchanged", "deleted", "failed")

Ref = Annotated[str, typer.Argument(help="help.sources.ref", metavar="SOURCE")]


@sources_app.command("kinds", help="help.sources.kinds")
def kinds(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_kinds(session))


@sources_app.command("add", help="help.sources.add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="help.sources.name", metavar="NAME")],
    kind: Annotated[str, typer.Argument(help="help.sources.kind", metavar="KIND")],
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="help.sources.setting", metavar="KEY=VALUE")
    ] = None,
    acl: Annotated[list[str] | None, typer.Option(help="help.memory.acl")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="help.memory.tag")] = None,
    cron: Annotated[str, typer.Option(help="help.sources.cron", show_default=False)] = "",
    timezone: Annotated[str, typer.Option(help="help.sources.timezone")] = "UTC",
) -> None:
    for one in acl or ():
        if not ACL.fullmatch(one):
            raise InvalidInput(
                f"{one!r} names nobody; write user:ID, team:NAME, role:NAME or group:NAME",
                code="input.acl",
                context={"principal": one},
            )
    new = NewSource(
        name=name,
        kind=kind,
        settings=settings_of(setting or ()),
        acl=tuple(acl or ()),
        tags=tuple(tag or ()),
        cron=cron,
        timezone=timezone,
    )
    session = session_of(context)
    session.run(_add(session, new))


@sources_app.command("list", help="help.sources.list")
def list_sources(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@sources_app.command("show", help="help.sources.show")
def show(context: typer.Context, source: Ref) -> None:
    session = session_of(context)
    session.run(_show(session, source))


@sources_app.command("sync", help="help.sources.sync")
def sync(context: typer.Context, source: Ref) -> None:
    session = session_of(context)
    session.run(_sync(session, source))


@sources_app.command("syncs", help="help.sources.syncs")
def syncs(
    context: typer.Context,
    source: Ref,
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.runs.limit")] = 20,
) -> None:
    session = session_of(context)
    session.run(_syncs(session, source, limit))


@sources_app.command("failures", help="help.sources.failures")
def failures(
    context: typer.Context,
    source: Ref,
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.runs.limit")] = 100,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_failures(session, source, cursor, limit))


@sources_app.command("retry", help="help.sources.retry")
def retry(
    context: typer.Context,
    source: Ref,
    paths: Annotated[
        list[str] | None, typer.Argument(help="help.sources.paths", metavar="PATH…", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    session.run(_retry(session, source, paths or []))


@sources_app.command("hook", help="help.sources.hook")
def hook(
    context: typer.Context,
    source: Ref,
    renew: Annotated[bool, typer.Option("--renew", help="help.sources.renew")] = False,
) -> None:
    session = session_of(context)
    session.run(_hook(session, source, renew))


@sources_app.command("remove", help="help.sources.remove")
def remove(
    context: typer.Context,
    source: Ref,
    keep: Annotated[bool, typer.Option("--keep", help="help.sources.keep")] = False,
) -> None:
    session = session_of(context)
    session.run(_remove(session, source, keep))


def settings_of(given: Sequence[str]) -> dict[str, str | list[str]]:
    """A key that comes several times is a list; a path is made absolute."""
    found: dict[str, list[str]] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(
                f"{one[:100]!r} is no setting; write KEY=VALUE",
                code="input.source.pair",
                context={"value": one[:100]},
            )
        kept = str(Path(value).expanduser().absolute()) if key.strip() == "path" and value else value
        found.setdefault(key.strip(), []).append(kept)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


async def _kinds(session: Session) -> int:
    kinds = await session.on_backend(lambda b: b.sources.kinds())
    found = [(one, session.text.shipped(said)) for one, said in kinds]
    if session.json:
        session.print_json({"items": [{"id": one, "summary": said} for one, said in found], "next": None})
        return ExitCode.OK
    for one, said in found:
        session.print(f"{one:<12} {said}")
    return ExitCode.OK


async def _add(session: Session, new: NewSource) -> int:
    return _told(session, await session.on_backend(lambda b: b.sources.add(b.principal, new)))


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda b: b.sources.list(b.principal))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    for one in found:
        session.print(_line(session, one))
    if not found:
        session.say("sources.none")
    return ExitCode.OK


async def _show(session: Session, ref: str) -> int:
    return _told(session, await session.on_backend(lambda b: b.sources.get(b.principal, ref)))


async def _sync(session: Session, ref: str) -> int:
    async def work(backend: Backend) -> SyncReport:
        begun = await backend.sources.sync(backend.principal, ref)
        return await _ended(session, backend, ref, begun)

    return _reported(session, await session.on_backend(work))


async def _retry(session: Session, ref: str, paths: Sequence[str]) -> int:
    async def work(backend: Backend) -> SyncReport:
        begun = await backend.sources.retry(backend.principal, ref, paths)
        return await _ended(session, backend, ref, begun)

    return _reported(session, await session.on_backend(work))


async def _ended(session: Session, backend: Backend, ref: str, now: SyncReport) -> SyncReport:
    told = -1
    while now.status == "running":
        if now.total and now.done != told and not session.json:
            told = now.done
            session.say("sources.progress", done=now.done, total=now.total)
        await asyncio.sleep(POLL_SECONDS)
        now = await backend.sources.report(backend.principal, ref, now.id)
    return now


async def _syncs(session: Session, ref: str, limit: int) -> int:
    found = await session.on_backend(lambda b: b.sources.syncs(b.principal, ref, limit=limit))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    for one in found:
        session.print(f"{one.id}  {one.started_at[:19]}  {one.cause}  {_summary(session, one)}")
    return ExitCode.OK


async def _failures(session: Session, ref: str, cursor: str, limit: int) -> int:
    found = await session.on_backend(
        lambda b: b.sources.failures(b.principal, ref, after=cursor, limit=limit)
    )
    if session.json:
        following = found[-1].path if len(found) == limit else None
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": following})
        return ExitCode.OK
    for one in found:
        reason = session.text.fault(one.code, one.values, one.reason)
        session.print(clean(f"{one.path}  {one.code}: {reason}"))
    if not found:
        session.say("sources.no_failures")
    return ExitCode.OK


async def _hook(session: Session, ref: str, renew: bool) -> int:
    path = await session.on_backend(lambda b: b.sources.hook(b.principal, ref, renew=renew))
    if session.json:
        session.print_json({"path": path})
    else:
        session.print(path)
        session.say("sources.hook_note")
    return ExitCode.OK


async def _remove(session: Session, ref: str, keep: bool) -> int:
    removed = await session.on_backend(lambda b: b.sources.remove(b.principal, ref, keep=keep))
    if session.json:
        session.print_json({"documents": removed})
    else:
        session.print(session.text("sources.removed", source=clean(ref), documents=removed))
    return ExitCode.OK


def _told(session: Session, one: Source) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(one))
        return ExitCode.OK
    session.print(_line(session, one))
    for key, value in sorted(one.settings.items()):
        session.print(clean(f"  {key} = {value}"))
    if one.next_at:
        session.print(session.text("sources.next", at=one.next_at[:19]))
    if one.last is not None:
        session.print(f"{one.last.id}  {one.last.started_at[:19]}  {_summary(session, one.last)}")
    return ExitCode.OK


def _line(session: Session, one: Source) -> str:
    counts = session.text("sources.counts", documents=one.documents, failures=one.failures)
    return f"{one.id}  {one.name}  {one.kind}  {counts}"


def _reported(session: Session, one: SyncReport) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(one))
    else:
        session.print(_summary(session, one))
    return ExitCode.OK if one.status == "done" else ExitCode.FAILED


def _summary(session: Session, one: SyncReport) -> str:
    counts = ", ".join(
        session.text(f"sources.{name}", count=getattr(one, name)) for name in _OUTCOMES if getattr(one, name)
    )
    if one.status == "failed":
        why = session.text.fault(one.code, one.values, one.reason)
        return clean(session.text("sources.failed_sync", why=why, counts=counts or "–"))
    return counts or session.text("sources.nothing")
