"""`flowmatik runs record` and `runs replay --recording`: a run in a file, replayed without network."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.cli.run_blobs import runs_app
from flowmatik.app.cli.runs import RunId, other_version, replay_stored
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.recording_files import read_recording, write_recording
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.recordings import ExchangeDifference, Recording, Redaction
from flowmatik.kernel.errors import InvalidInput


@runs_app.command("record", help="help.runs.record")
def record(
    context: typer.Context,
    run_id: RunId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="help.runs.record.output", show_default=False)
    ] = None,
    redaction: Annotated[Redaction, typer.Option("--redact", help="help.runs.record.redact")] = "all",
) -> None:
    session = session_of(context)
    session.run(_record(session, run_id, output or Path(f"{run_id}.recording.json"), redaction))


async def _record(session: Session, run_id: str, output: Path, redaction: Redaction) -> int:
    recording = await session.on_backend(
        lambda backend: backend.recordings.record(backend.workspace_id, run_id, redaction=redaction)
    )
    size = await asyncio.to_thread(write_recording, output, recording)
    if session.json:
        session.print_json(_summary(recording) | {"output": str(output), "bytes": size})
        return ExitCode.OK
    requests = sum(len(run.requests) for run in recording.runs)
    events = sum(len(run.events) for run in recording.runs)
    session.say(
        "recording.written", runs=len(recording.runs), events=events, requests=requests, path=str(output)
    )
    for kind, count in recording.redacted.items():
        session.say("recording.redacted", kind=kind, count=count)
    if not recording.replays:
        session.say("recording.parts")
    return ExitCode.OK


def _summary(recording: Recording) -> dict[str, object]:
    return {
        "run_id": recording.run_id,
        "runs": len(recording.runs),
        "events": sum(len(run.events) for run in recording.runs),
        "requests": sum(len(run.requests) for run in recording.runs),
        "redacted": recording.redacted,
        "replays": recording.replays,
    }


@runs_app.command("replay", help="help.runs.replay")
def replay(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="help.runs.id", metavar="RUN_ID", show_default=False)] = "",
    against: Annotated[
        str, typer.Option(help="help.runs.against", metavar="N|newest|AGENT@VERSION|FILE", show_default=False)
    ] = "",
    recording: Annotated[
        Path | None, typer.Option(help="help.runs.replay.recording", show_default=False)
    ] = None,
    decisions_only: Annotated[
        bool, typer.Option("--decisions-only", help="help.runs.replay.decisions_only")
    ] = False,
) -> None:
    session = session_of(context)
    if bool(run_id) == (recording is not None):
        raise InvalidInput("name either a run or, with --recording, the file of one", code="input.replay_of")
    session.run(
        replay_stored(session, run_id, against)
        if recording is None
        else _replay_file(session, recording, against, decisions_only=decisions_only)
    )


async def _replay_file(session: Session, file: Path, against: str, *, decisions_only: bool) -> int:
    from flowmatik.agents import ReducerLoop
    from flowmatik.core.recordings.replaying import replayed
    from flowmatik.core.reruns.rerunning import rerun

    recording = await asyncio.to_thread(read_recording, file)
    agent = await asyncio.to_thread(other_version, against) if against else None
    if agent is not None and not isinstance(agent, AgentVersion):
        raise InvalidInput(
            f"a recording is replayed against an agent's profile in a file, and {against!r} is none",
            code="input.against_file",
            context={"against": against},
        )
    if decisions_only or agent is not None:
        report = replayed(recording, ReducerLoop(), agent)
    else:
        report = await rerun(recording, ReducerLoop())
    if session.json:
        session.print_json(dataclasses.asdict(report))
    else:
        counts = {"runs": report.runs, "events": report.events, "exchanges": report.exchanges}
        done = "recording.rerun" if report.by_engine else "recording.replayed"
        session.print(session.text(done, **counts))
        if report.instead:
            session.print(session.text("recording.walked", why=", ".join(report.instead)))
        if report.unproved:
            session.print(session.text("recording.unproved", count=report.unproved))
        if report.difference is None:
            session.print(session.text("recording.identical" if report.by_engine else "recording.same"))
        else:
            _show(session, report.difference)
    return ExitCode.FAILED if report.difference else ExitCode.OK


def _show(session: Session, found: ExchangeDifference) -> None:
    where: dict[str, object] = {"run": found.run_id, "seq": found.seq, "task": clean(found.task_id) or "–"}
    if found.exchange:
        session.print(
            session.text("recording.exchange", number=found.exchange, purpose=found.purpose, **where)
        )
    else:
        session.print(session.text("recording.decision", **where))
    if found.diff:
        session.print(found.diff)
    else:
        session.print(session.text("recording.instead", recorded=found.recorded, decided=found.decided))
