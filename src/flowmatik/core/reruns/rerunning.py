"""Runs the engine again on a recording: a new journal, and every answer from the recorded exchanges. What it
writes must be what was recorded, event by event, but for times and ids."""

import asyncio
from dataclasses import replace
from functools import partial

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.recordings import Recording, RecordingReport
from flowmatik.core import asked
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.port import Creation
from flowmatik.core.recordings.replaying import replayed
from flowmatik.core.reruns.desk import Desk
from flowmatik.core.reruns.outside import Given, unfit
from flowmatik.core.reruns.stand_ins import (
    ComparingJournal,
    FollowingClock,
    PinnedAgents,
    RecordedEffects,
    RecordedModels,
    RecordedTools,
)
from flowmatik.core.services import EngineServices
from flowmatik.kernel.errors import EngineError

QUIET_SECONDS = 10.0  # without anything new the engine does no more; a run that waits for money looks earlier


async def rerun(recording: Recording, loop: AgentLoop) -> RecordingReport:
    """By the engine; where that cannot be given what the runs were given, by deciding from the recorded
    outcomes, which the report then says. What cannot be read differs where its reading ends."""
    try:
        why = {reason for run in recording.runs for reason in unfit(run)}
    except EngineError:
        why = {"engine.event"}
    if why:
        report = await asyncio.to_thread(replayed, recording, loop)
        return replace(report, instead=tuple(sorted(why)))
    return await _by_engine(recording, loop)


async def _by_engine(recording: Recording, loop: AgentLoop) -> RecordingReport:
    desk = Desk(recording)
    journal, clock = ComparingJournal(desk), FollowingClock(desk)
    created = desk.root.created
    handle = build_engine(
        EngineServices(
            journal=journal,
            models=RecordedModels(desk),
            tools=RecordedTools(created.tools, recording.tools),
            catalogue=PinnedAgents(created.agents),
            loop=loop,
            clock=clock,
            alone=True,
            concurrency=len(recording.runs) + 16,  # an end that waits for its turn keeps its place
        ),
        partial(RecordedEffects, desk=desk),
    )

    def give(run_id: str, input_id: str, given: Given) -> None:
        journal.given(run_id, input_id, given.kind, desk.body_of(given))
        handle.engine.nudge(run_id)

    desk.give = give
    await handle.engine.start(recover_all=False)
    try:
        await _run(handle, desk)
    finally:
        await handle.stop(grace_seconds=0.0)
    return RecordingReport(
        run_id=recording.run_id,
        runs=len(desk.tracks),
        events=sum(track.done for track in desk.tracks.values()),
        exchanges=sum(track.exchanges for track in desk.tracks.values()),
        unproved=desk.unproved,
        difference=desk.difference,
        by_engine=True,
    )


async def _run(handle: EngineHandle, desk: Desk) -> None:
    created = desk.root.created
    await handle.engine.create(
        Creation(
            run_id=created.run_id,
            workspace_id=created.workspace_id,
            goal=created.goal,
            idempotency_key="",
            events=(asked.recorded(created),),
            agent=created.agent,
            priority=created.priority,
            tags=created.tags,
            decision_version=created.decision_version,
        )
    )
    while not desk.over.is_set():
        before = desk.steps
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await desk.over.wait()
        except TimeoutError:
            if desk.steps == before:
                desk.stuck()
