"""`flowmatik agents evaluate`: what an agent is worth, by the cases of a set."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.agent_bundles import agents_app as agents_app
from flowmatik.app.cli.given_files import read_text
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode

if TYPE_CHECKING:
    from flowmatik.app.evaluating import CaseResult, EvaluationResult


@agents_app.command("evaluate", help="help.agents.evaluate")
def evaluate(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(help="help.agents.ref", metavar="NAME[@VERSION]")],
    file: Annotated[
        Path | None, typer.Option("--set", help="help.agents.evaluate.set", show_default=False)
    ] = None,
    channel: Annotated[str, typer.Option("--channel", help="help.agents.channel", show_default=False)] = "",
    least: Annotated[
        float | None, typer.Option("--min", min=0, max=1, help="help.agents.evaluate.min", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    asked = f"{ref}@{channel}" if channel and "@" not in ref else ref
    session.run(_evaluate(session, asked, file, least))


async def _evaluate(session: Session, ref: str, file: Path | None, least: float | None) -> int:
    from flowmatik.agents import parse_set, shipped_set
    from flowmatik.app.evaluating import evaluate

    name = ref.partition("@")[0]
    given = parse_set(read_text(file), filename=str(file)) if file else shipped_set(name)
    async with session.backend() as backend:  # once: runs that were paid for are not begun again
        agent = await backend.agents.get(backend.workspace_id, ref)
        if not session.json:
            session.say("evaluate.begun", ref=agent.ref(), set=given.name, count=len(given.file.cases))
        result = await evaluate(backend, agent, given)
    if session.json:
        session.print_json(dataclasses.asdict(result))
    else:
        _show(session, result)
    if result.status == "incomplete":
        return ExitCode.FAILED
    below = least is not None and (result.score is None or result.score < least)
    return ExitCode.FAILED if below else ExitCode.OK


def _show(session: Session, result: "EvaluationResult") -> None:
    if result.cases:
        table = Table(box=None, pad_edge=False)
        for key in ("evaluate.case", "evaluate.result", "evaluate.why"):
            table.add_column(session.text(key))
        for case in result.cases:
            key = "evaluate.passed" if case.passed else "evaluate.failed" if case.ran else "evaluate.not_run"
            table.add_row(case.name, session.text(key), clean(_why(case)))
        session.out.print(table)
    values = {"ref": f"{result.agent}@{result.version}", "set": result.set_name, "model": result.model or "–"}
    if result.score is None:
        session.print(session.text(f"evaluate.{result.status}", **values))
        return
    passed = sum(case.passed for case in result.cases)
    session.print(
        session.text("evaluate.scored", score=f"{result.score:.2f}", passed=passed, count=result.n, **values)
    )
    if result.model.startswith("local/"):
        session.say("evaluate.local", model=result.model)


def _why(case: "CaseResult") -> str:
    if case.error:
        return case.error
    return "; ".join(f"{check}: {detail}" for check, passed, detail in case.checks if not passed)
