"""`flowmatik init · up · doctor · migrate · version`: the life of an installation."""

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowmatik import __version__
from flowmatik.app.cli.ingest_view import ingest
from flowmatik.app.cli.local_models import offer_local_models
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.event_loop import new_event_loop
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.setting_values import ROLES
from flowmatik.app.settings import load_settings

if TYPE_CHECKING:
    from flowmatik.app.finding import Finding
    from flowmatik.app.setup import SetUp

ADMIN = "admin"
Detect = Annotated[bool, typer.Option("--detect/--no-detect", help="help.detect")]


def init_command(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="help.init.folder", metavar="FOLDER", show_default=False)
    ] = None,
    examples: Annotated[bool, typer.Option("--examples/--no-examples", help="help.init.examples")] = True,
    show_password: Annotated[bool, typer.Option("--show-password", help="help.init.show_password")] = False,
    detect: Detect = True,
) -> None:
    session = session_of(context)
    named = session.home or (str(folder) if folder else "") or session.environment.get("FLOWMATIK_HOME", "")
    home = Path(named or ".").expanduser().resolve()
    asked = _Init(home=home, examples=examples, show_password=show_password, detect=detect)
    session.run(_init(session, asked))


def up_command(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="help.up.host", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="help.up.port", show_default=False)] = None,
    role: Annotated[
        str | None, typer.Option(help="help.up.role", metavar="|".join(ROLES), show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    asked: dict[str, object] = {"server.host": host, "server.port": port, "engine.role": role}
    session.run(_up(session, asked), new_event_loop)


def doctor_command(context: typer.Context, detect: Detect = True) -> None:
    session = session_of(context)
    session.run(_doctor(session, detect=detect))


def migrate_command(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_migrate(session))


def version_command(context: typer.Context) -> None:
    session = session_of(context)
    if session.json:
        session.print_json({"version": __version__})
    else:
        session.print(f"flowmatik {__version__}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Init:
    home: Path
    examples: bool
    show_password: bool
    detect: bool


async def _init(session: Session, asked: _Init) -> int:
    from flowmatik.app.logs import configure_logging
    from flowmatik.app.setup import prepare_home, set_up
    from flowmatik.app.wiring import open_platform

    home, examples = asked.home, asked.examples
    created = prepare_home(home, session.text.language)
    settings = load_settings(home, session.environment)
    configure_logging(settings)
    documents = 0
    async with open_platform(settings, recover_all=False) as platform:
        outcome = await set_up(platform, examples=examples)
        if outcome.to_ingest:
            documents = len(await ingest(session, platform, outcome.to_ingest))
    _say_initialised(session, home, outcome, created=created)
    found = await offer_local_models(session, settings) if asked.detect and created else []
    if session.json:
        result: dict[str, object] = {"home": str(home), "created": created, "documents": documents}
        if found:
            result["local_models"] = [asdict(one) for one in found]
        if asked.show_password and outcome.password:
            result |= {"username": ADMIN, "password": outcome.password}
        session.print_json(result)
    return ExitCode.OK


def _say_initialised(session: Session, home: Path, outcome: "SetUp", *, created: bool) -> None:
    done = created or bool(outcome.password)  # a settings file may stand there before the rest does
    session.say("init.created" if done else "init.exists", home=home)
    if outcome.password:
        session.say("init.password", username=ADMIN, password=outcome.password)
    if done:
        session.say("init.next" if outcome.examples else "init.next_own", home=shlex.quote(str(home)))


async def _up(session: Session, flags: dict[str, object]) -> int:
    from flowmatik.app.metrics import Metrics
    from flowmatik.app.serving import stopped_by_signals
    from flowmatik.app.web import serve_platform
    from flowmatik.app.wiring import open_platform
    from flowmatik.kernel.garbage import collect_rarely

    settings = session.settings(flags)
    metrics = Metrics()
    async with (
        open_platform(settings, recover_all=True, bus_users=(metrics.subscribe,)) as platform,
        serve_platform(platform, host=settings.host, port=settings.port, metrics=metrics) as server,
        stopped_by_signals(server),
    ):
        collect_rarely()
        if platform.engine.role.serves:
            session.say("up.ready", url=server.url, home=settings.home, username=ADMIN)
        else:
            session.say("up.working", role=settings.role, url=server.url, home=settings.home)
        if session.json:
            session.print_json({"url": server.url, "home": str(settings.home)})
        await server.stopping()
        session.say("up.stopping")
    session.say("up.stopped")
    return ExitCode.OK


async def _doctor(session: Session, *, detect: bool) -> int:
    findings = await _findings(session, detect=detect)
    healthy = all(finding.ok for finding in findings)
    if session.json:
        items = [
            {
                "check": finding.check,
                "ok": finding.ok,
                "detail": session.text(finding.detail, **finding.values),
                "mend": session.text(finding.mend, **finding.values) if finding.mend else "",
            }
            for finding in findings
        ]
        session.print_json({"healthy": healthy, "items": items, "next": None})
    else:
        for finding in findings:
            mark = "✓" if finding.ok and not finding.mend else "!" if finding.ok else "✗"
            name = session.text(f"doctor.{finding.check}")
            session.print(f"{mark} {name}: {session.text(finding.detail, **finding.values)}")
            if finding.mend:
                session.print(f"    → {session.text(finding.mend, **finding.values)}")
    return ExitCode.OK if healthy else ExitCode.UNAVAILABLE


async def _findings(session: Session, *, detect: bool) -> "list[Finding]":
    if session.url:
        from flowmatik.app.doctor_server import examine_server

        return await examine_server(session.url, session.credential(), language=session.language)
    from flowmatik.app.doctor import examine

    return await examine(session.settings(), detect=detect)


async def _migrate(session: Session) -> int:
    from flowmatik.app.schema import migrate

    outcome = await migrate(session.settings())
    if session.json:
        session.print_json({"before": outcome.before, "after": outcome.after})
    elif outcome.before == outcome.after:
        session.say("migrate.nothing", revision=outcome.after)
    else:
        session.say("migrate.done", before=outcome.before or "–", after=outcome.after)
    return ExitCode.OK
