"""The command line, put together; every error becomes one message and one exit code."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer
import typer.main
from typer._click.exceptions import ClickException, NoArgsIsHelpError
from typer.exceptions import Abort

from flowmatik import __version__
from flowmatik.app import exit_codes
from flowmatik.app.cli.agent_evaluations import agents_app
from flowmatik.app.cli.alerts import alerts_app
from flowmatik.app.cli.approvals import approvals_app
from flowmatik.app.cli.arguments import globals_first, value_of
from flowmatik.app.cli.budgets import budgets_app
from flowmatik.app.cli.bulk_audit import bulk_app
from flowmatik.app.cli.bus import bus_app
from flowmatik.app.cli.cases import cases_app
from flowmatik.app.cli.chat import chat_command
from flowmatik.app.cli.connections import connections_app
from flowmatik.app.cli.costs import costs, ledger_app
from flowmatik.app.cli.factory import factory_app
from flowmatik.app.cli.facts import facts_app
from flowmatik.app.cli.limits import limits_app
from flowmatik.app.cli.localise import localise, unknown_language, usage_fault
from flowmatik.app.cli.login import login_command, logout_command
from flowmatik.app.cli.mcp import mcp_app
from flowmatik.app.cli.models import models_app
from flowmatik.app.cli.openapi import openapi_app
from flowmatik.app.cli.operate import (
    doctor_command,
    init_command,
    migrate_command,
    up_command,
    version_command,
)
from flowmatik.app.cli.playbooks import playbooks_app
from flowmatik.app.cli.recordings import runs_app
from flowmatik.app.cli.retention import retention_app
from flowmatik.app.cli.router import router_app
from flowmatik.app.cli.run import run_command
from flowmatik.app.cli.schedules import schedules_app
from flowmatik.app.cli.session import Session, clean, console
from flowmatik.app.cli.skills import skills_app
from flowmatik.app.cli.sources import memory_app
from flowmatik.app.cli.teams import teams_app
from flowmatik.app.cli.templates import templates_app
from flowmatik.app.cli.threads import threads_app
from flowmatik.app.cli.written_names import as_typed
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.settings import (
    choose_language,
    configured_language,
    find_home,
    is_language,
    process_environment,
)
from flowmatik.app.texts import Texts
from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.errors import ConfigurationError, FlowmatikError
from flowmatik.kernel.redaction import Redactor


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code. Never shows a traceback unless --debug."""
    line = globals_first(arguments)
    environment = process_environment()
    text = _texts(value_of("--lang", line), value_of("--home", line), environment)
    debug = "--debug" in line or environment.get("FLOWMATIK_DEBUG", "") not in ("", "0")
    command = typer.main.get_command(build_app(text))
    localise(command, text)
    if (lang := value_of("--lang", line)) is not None and not is_language(lang):
        return _report(unknown_language(lang, text), text, line)
    try:
        code = command.main(args=line, prog_name="flowmatik", standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.OK
    except NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except ClickException as error:
        return _report(usage_fault(error, text), text, line)
    except FlowmatikError as error:
        if debug:
            sys.stderr.write(Redactor().exception(error))
        return _report(error, text, line)
    except (KeyboardInterrupt, Abort):
        return ExitCode.CANCELLED
    except Exception as error:
        if debug:
            sys.stderr.write(Redactor().exception(error))
        if isinstance(error, OSError) and (fault := disk_fault(error)) is not None:
            return _report(fault, text, line)
        kind, detail = type(error).__name__, str(error)
        unexpected = FlowmatikError(
            f"something unexpected went wrong ({kind}: {detail})", context={"kind": kind, "detail": detail}
        )
        return _report(unexpected, text, line)


def build_app(text: Texts) -> typer.Typer:
    app = typer.Typer(name="flowmatik", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback(help="help.flowmatik", epilog=text("help.epilog"))(root_options)
    app.command("init", help="help.init")(init_command)
    app.command("up", help="help.up")(up_command)
    app.command("run", help="help.run")(run_command)
    app.command("chat", help="help.chat")(chat_command)
    app.add_typer(runs_app, name="runs")
    app.add_typer(threads_app, name="threads")
    app.add_typer(approvals_app, name="approvals")
    app.add_typer(agents_app, name="agents")
    app.add_typer(skills_app, name="skills")
    app.add_typer(playbooks_app, name="playbooks")
    app.add_typer(cases_app, name="cases")
    app.add_typer(bulk_app, name="bulk")
    app.add_typer(templates_app, name="templates")
    app.add_typer(factory_app, name="factory")
    app.add_typer(memory_app, name="memory")
    app.add_typer(facts_app, name="facts")
    app.add_typer(schedules_app, name="schedules")
    app.add_typer(bus_app, name="bus")
    app.command("costs", help="help.costs")(costs)
    app.add_typer(ledger_app, name="ledger")
    app.add_typer(limits_app, name="limits")
    app.add_typer(budgets_app, name="budgets")
    app.add_typer(teams_app, name="teams")
    app.add_typer(alerts_app, name="alerts")
    app.add_typer(retention_app, name="retention")
    app.add_typer(router_app, name="router")
    app.add_typer(models_app, name="models")
    app.add_typer(mcp_app, name="mcp")
    app.add_typer(openapi_app, name="openapi")
    app.add_typer(connections_app, name="connections")
    app.command("login", help="help.login")(login_command)
    app.command("logout", help="help.logout")(logout_command)
    app.command("doctor", help="help.doctor")(doctor_command)
    app.command("migrate", help="help.migrate")(migrate_command)
    app.command("version", help="help.version")(version_command)
    return app


def _show_version(context: typer.Context, wanted: bool) -> None:
    """Beside other options; alone it is answered before this is imported. --json stands before it."""
    if wanted:
        as_json = bool(context.params.get("json"))
        told = orjson.dumps({"version": __version__}).decode() if as_json else f"flowmatik {__version__}"
        sys.stdout.write(f"{told}\n")
        raise typer.Exit


def root_options(
    context: typer.Context,
    home: Annotated[str | None, typer.Option(help="help.home", show_default=False)] = None,
    lang: Annotated[str | None, typer.Option(help="help.lang", metavar="en|es", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="help.json")] = False,
    url: Annotated[str | None, typer.Option(help="help.url", show_default=False)] = None,
    api_key: Annotated[str | None, typer.Option(help="help.api_key", show_default=False)] = None,
    debug: Annotated[bool, typer.Option("--debug", help="help.debug")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="help.show_version", callback=_show_version)
    ] = False,
) -> None:
    del version, debug  # read before parsing, so that it also covers faults of the parsing
    environment = process_environment()
    context.obj = Session(
        text=_texts(lang, home, environment),
        environment=environment,
        home=home,
        json=json,
        url=url or environment.get("FLOWMATIK_URL", ""),
        api_key=api_key or environment.get("FLOWMATIK_API_KEY", ""),
        out=console(stderr=False),
        err=console(stderr=True),
    )


def _texts(lang: str | None, home: str | None, environment: Mapping[str, str]) -> Texts:
    try:
        configured = configured_language(find_home(home, environment, Path.cwd()))
    except ConfigurationError:
        configured = ""  # the command says it, if it needs a home
    return Texts(choose_language(lang, environment, configured))


def _report(error: FlowmatikError, text: Texts, line: Sequence[str]) -> int:
    if "--json" in line:
        from flowmatik.app.run_output import error_line  # pydantic would slow every --help down

        told = error_line(error).model_dump()
        sys.stdout.write(orjson.dumps({**told, "message": as_typed(told["message"], line)}).decode() + "\n")
        sys.stdout.flush()
    message = as_typed(text.error(error), line)
    sys.stderr.write(clean(text("error.line", message=message, code=error.code)) + "\n")
    return exit_codes.of_error(error)
