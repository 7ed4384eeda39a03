"""`flowmatik memory repair`: a damaged memory file is set aside, and what can be read of it kept."""

import asyncio
import dataclasses

import typer

from flowmatik.app.cli.memory_communities import memory_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.tool_sources import local_settings
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import shown_name
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Unavailable
from flowmatik.stores.home_lock import HomeLock

_SHOWN = 20


@memory_app.command("repair", help="help.memory.repair")
def repair_command(context: typer.Context) -> None:
    session = session_of(context)
    session.run(repair_memory(session))


async def repair_memory(session: Session) -> int:
    from flowmatik.memory.repair import Repaired, repair

    settings = local_settings(session)
    if settings.database_url:
        session.say("memory.repair.elsewhere")
        return ExitCode.OK
    lock = HomeLock(settings.home)
    if not await asyncio.to_thread(lock.acquire):
        holder, home = lock.holder() or {}, str(settings.home)
        raise Unavailable(
            f"the home {home!r} is in use (process {holder.get('pid', 0)}); stop that process first",
            code="unavailable.home_in_use",
            context={"home": home, "pid": holder.get("pid", 0)},
        )
    try:
        done = await repair(settings.data / "memory.db", SystemClock()) or Repaired()
    finally:
        lock.release()
    if session.json:
        session.print_json(dataclasses.asdict(done))
    elif not done.set_aside:
        session.say("memory.repair.sound")
    else:
        session.print(session.text("memory.repaired", kept=done.kept, path=done.set_aside))
        for source in done.lost[:_SHOWN]:
            session.print("  " + session.text("memory.lost", source=shown_name(source)))
        if done.lost:
            session.print(
                session.text("memory.lost_note", lost=len(done.lost), uploads=str(settings.uploads))
            )
    return ExitCode.OK
