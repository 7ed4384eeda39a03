"""`flowmatik runs pause · change · retry · fork`: steer runs that live, and go on from their history."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.following import follow_to_end
from flowmatik.app.cli.run import budget_of, placed_in, plan_of
from flowmatik.app.cli.runs import RunId, runs_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.watch import Following
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.control import EFFECTS, NewFork, RunChange
from flowmatik.contracts.runs import MAX_PRIORITY
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.ids import new_id


@runs_app.command("pause", help="help.runs.pause")
def pause(
    context: typer.Context,
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="help.runs.reason", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_pause(session, run_id, reason))


@runs_app.command("change", help="help.runs.change")
def change(
    context: typer.Context,
    run_id: RunId,
    budget: Annotated[
        str | None, typer.Option("--budget-usd", help="help.runs.change_budget", show_default=False)
    ] = None,
    deadline: Annotated[
        float | None, typer.Option("--deadline-seconds", help="help.runs.change_deadline", show_default=False)
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            min=-MAX_PRIORITY, max=MAX_PRIORITY, help="help.runs.change_priority", show_default=False
        ),
    ] = None,
) -> None:
    session = session_of(context)
    wanted = RunChange(
        budget_micros=budget_of(budget), deadline_seconds=deadline, priority=priority, by="cli"
    )
    session.run(_change(session, run_id, wanted))


@runs_app.command("retry", help="help.runs.retry")
def retry(
    context: typer.Context,
    run_id: RunId,
    task: Annotated[str, typer.Option(help="help.runs.retry_task", show_default=False)] = "",
) -> None:
    session, key = session_of(context), new_id("inp")  # submitted again, it is still the same run

    async def begin(backend: Backend) -> str:
        return await backend.control.retry(backend.workspace_id, run_id, task_id=task, idempotency_key=key)

    session.run(_followed(session, begin))


@runs_app.command("fork", help="help.runs.fork")
def fork(
    context: typer.Context,
    run_id: RunId,
    at: Annotated[int, typer.Option("--at", help="help.runs.fork_at", metavar="SEQ")],
    goal: Annotated[str, typer.Option(help="help.runs.fork_goal", show_default=False)] = "",
    given: Annotated[
        list[str] | None, typer.Option("--set", help="help.runs.fork_set", metavar="TASK.ARGUMENT=JSON")
    ] = None,
    model: Annotated[str, typer.Option(help="help.runs.fork_model", show_default=False)] = "",
    effects: Annotated[str, typer.Option(help="help.runs.fork_effects", metavar="|".join(EFFECTS))] = "ask",
    plan: Annotated[
        str, typer.Option("--plan", metavar="FILE", help="help.runs.fork_plan", show_default=False)
    ] = "",
) -> None:
    session = session_of(context)
    planned = plan_of(plan)
    wanted = NewFork(
        seq=at,
        goal=goal,
        model=model,
        arguments=_arguments(given or []),
        effects=effects,
        idempotency_key=new_id("inp"),
        plan=planned.plan if planned else (),
    )

    async def begin(backend: Backend) -> str:
        with placed_in(planned):
            return await backend.control.fork(backend.workspace_id, run_id, wanted)

    session.run(_followed(session, begin))


async def _pause(session: Session, run_id: str, reason: str) -> int:
    async def work(backend: Backend) -> None:
        await backend.control.pause(backend.workspace_id, run_id, by="cli", reason=reason)

    await session.on_backend(work)
    return _told(session, run_id, "runs.paused")


async def _change(session: Session, run_id: str, wanted: RunChange) -> int:
    async def work(backend: Backend) -> None:
        await backend.control.change(backend.workspace_id, run_id, wanted)

    await session.on_backend(work)
    return _told(session, run_id, "runs.changed")


def _told(session: Session, run_id: str, key: str) -> int:
    if session.json:
        session.print_json({"run_id": run_id, "accepted": True})
    else:
        session.say(key, run_id=run_id)
    return ExitCode.OK


async def _followed(session: Session, begin: Callable[[Backend], Awaitable[str]]) -> int:
    following = Following()

    async def work(backend: Backend) -> int:
        if not following.run_id:
            following.run_id = await begin(backend)
            session.say("runs.begun", run_id=following.run_id)
        return await follow_to_end(session, backend, following)

    return await session.on_backend(work)


def _arguments(given: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in given:
        place, _, value = item.partition("=")
        task, _, argument = place.partition(".")
        try:
            found.setdefault(task, {})[argument] = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise _sets_nothing(item) from error
        if not task or not argument:
            raise _sets_nothing(item)
    return found


def _sets_nothing(item: str) -> InvalidInput:
    return InvalidInput(
        f"{item!r} sets nothing; write TASK.ARGUMENT=JSON, texts in double quotes",
        code="input.fork_set",
        context={"value": item[:200]},
    )
