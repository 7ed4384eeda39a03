"""Makes recordings of runs from their journals: any run that is still stored can be recorded afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from flowmatik import __version__
from flowmatik.contracts.recordings import (
    FORMAT,
    RecordedEvent,
    RecordedRun,
    Recording,
    Redaction,
    SentRequest,
)
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.core import events as ev
from flowmatik.core.engine.requests import hash_again
from flowmatik.core.history import whole
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.recordings.hiding import Hider
from flowmatik.core.recordings.replaying import replayed
from flowmatik.core.recordings.requests import request_of
from flowmatik.core.services import EngineServices
from flowmatik.core.state import RunState
from flowmatik.core.walking import Walk
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError, NotFound

_RUN: TypeAdapter[RecordedRun] = TypeAdapter(RecordedRun)


class StoredRecordings:
    """Implements `RunRecordings`."""

    def __init__(self, services: EngineServices) -> None:
        self._services = services

    async def record(self, workspace_id: str, run_id: str, *, redaction: Redaction = "all") -> Recording:
        reads = self._services.seen_from(workspace_id)
        await reads.head(workspace_id, run_id)
        runs: list[RecordedRun] = []
        names: set[str] = set()
        left = [run_id]
        while left:
            one = left.pop(0)
            try:
                await reads.head(workspace_id, one)
            except NotFound:  # a sub-run that was asked for and is not there yet, or is there no more
                continue
            run, children = await asyncio.to_thread(self._run, one, await whole(reads, one))
            runs.append(run)
            names |= {name for request in run.requests.values() for name in request.tools}
            left += children
        return await asyncio.to_thread(self._recording, runs, names, redaction)

    def _recording(self, runs: Sequence[RecordedRun], names: set[str], redaction: Redaction) -> Recording:
        """Looks at every word, so that it must not be done where others wait."""
        hider = Hider(redaction)
        given = [_RUN.dump_python(run) for run in runs]
        hider.learn(given)
        recording = Recording(
            format=FORMAT,
            program=__version__,
            made_at=self._services.clock.now().isoformat(),
            runs=tuple(_RUN.validate_python(hider.hidden(run)) for run in given),
            tools=self._tools(names),
            redaction=redaction,
            redacted=dict(sorted(hider.counts.items())),
        )
        try:
            replays = replayed(recording, self._services.loop).difference is None
        except EngineError:  # what was hidden had to be there
            replays = False
        return replace(recording, replays=replays)

    def _run(self, run_id: str, history: Sequence[StoredEvent]) -> tuple[RecordedRun, list[str]]:
        """And the runs within it."""
        loop, children = self._services.loop, list[str]()
        requests: dict[str, SentRequest] = {}
        begun = ev.decode(history[0]) if history else None
        if not isinstance(begun, ev.RunCreated):
            raise EngineError("a history begins with RunCreated", code="engine.event")
        walk = Walk(begun, begun, loop)
        for _, event in walk.through(history[1:]):
            if (
                isinstance(event, ev.CallRequested)
                and event.kind == "model"
                and self._proved(walk.state, event)
            ):
                requests[event.call_id] = request_of(walk.state, event, loop)
            if isinstance(event, ev.SubRunRequested):
                children.append(event.child_id)
        events = tuple(
            RecordedEvent(seq=one.seq, type=one.type, at=one.at, payload=canonical.loads(one.payload))
            for one in history
        )
        return RecordedRun(run_id=run_id, events=events, requests=requests), children

    def _proved(self, state: RunState, call: ev.CallRequested) -> bool:
        """Whether what is made again is what was sent: older versions asked otherwise."""
        try:
            return hash_again(state, call, self._services.loop) == call.request_hash
        except EngineError:
            return False

    def _tools(self, names: set[str]) -> dict[str, dict[str, Any]]:
        specs = {**self._services.tools.specs(), **TEAM_TOOLS}
        shown = ("description", "parameters", "effect")
        return {
            name: {key: value for key, value in asdict(specs[name]).items() if key in shown}
            for name in sorted(names & specs.keys())
        }
