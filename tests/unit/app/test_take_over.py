"""A run whose process has gone is continued here, and its events are shown once."""

import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

import pytest

from flowmatik.app.cli.run import follow_to_end, take_over
from flowmatik.app.cli.session import Session
from flowmatik.app.cli.watch import Following
from flowmatik.kernel.errors import Conflict, Unavailable
from flowmatik.kernel.events import CloudEvent
from tests.unit.app.samples import answered, event, session, stream, written


async def broken(*events: CloudEvent) -> AsyncIterator[CloudEvent]:
    for one in events:
        yield one
    raise Unavailable("the server has gone", code="unavailable.server")


def backend(events: AsyncIterator[CloudEvent], *, here: bool) -> MagicMock:
    made = MagicMock(workspace_id="default", here=here)
    made.runs.events = MagicMock(return_value=events)
    made.runs.get = AsyncMock(return_value=answered())
    made.runs.wait = AsyncMock(return_value=answered())
    made.runs.resume = AsyncMock()
    made.runs.cancel = AsyncMock()
    return made


class Elsewhere:
    """A session that finds `backends` one after the other."""

    def __init__(self, inner: Session, *backends: MagicMock) -> None:
        self._inner = inner
        self._backends = list(backends)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def backend(self) -> AsyncGenerator[MagicMock]:
        yield self._backends.pop(0)


async def test_a_run_that_lost_its_process_is_resumed_after_the_last_event_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inner = session(json=True)
    following = Following(run_id="run_1")
    lost = backend(broken(event(1, "RunCreated"), event(2, "PlanAdopted")), here=False)
    assert await follow_to_end(inner, lost, following) is None
    own = backend(stream(event(3, "RunClaimed"), event(4, "RunSucceeded")), here=True)
    assert await take_over(cast("Session", Elsewhere(inner, own)), following) == 0
    own.runs.resume.assert_awaited_once_with("default", "run_1")
    assert own.runs.events.call_args.kwargs["after_seq"] == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("seq") for line in lines] == [1, 2, 3, 4, None]
    assert "going on here" in written(inner.err)


async def test_a_run_that_ended_meanwhile_is_only_shown() -> None:
    own = backend(stream(), here=True)
    own.runs.resume = AsyncMock(side_effect=Conflict("ended", code="conflict.run_ended"))
    assert await take_over(cast("Session", Elsewhere(session(), own)), Following(run_id="run_1")) == 0


async def test_a_run_that_loses_every_process_is_left_with_what_to_do() -> None:
    lost = [backend(broken(), here=False) for _ in range(5)]
    with pytest.raises(Unavailable, match="runs resume run_1"):
        await take_over(cast("Session", Elsewhere(session(), *lost)), Following(run_id="run_1"))


async def test_a_server_that_was_named_is_not_replaced_by_an_engine_here() -> None:
    named = dataclasses.replace(session(), url="http://h")
    with pytest.raises(Unavailable):
        await follow_to_end(named, backend(broken(), here=False), Following(run_id="run_1"))
