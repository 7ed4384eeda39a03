"""A run whose process has gone is continued here, and its events are shown once."""

import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock, MagicMock

import pytest

from flowmatik.app import connect
from flowmatik.app.cli.run import Request, run_goal
from flowmatik.app.cli.session import ATTEMPTS, Session
from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.events import CloudEvent
from tests.unit.app.samples import answered, event, session, stream, written

REQUEST = Request(goal="g", docs=(), agent="", budget=None, follow=True)


async def broken(*events: CloudEvent) -> AsyncIterator[CloudEvent]:
    for one in events:
        yield one
    raise Unavailable("the server has gone", code="unavailable.server")


def backend(events: AsyncIterator[CloudEvent], *, here: bool) -> MagicMock:
    made = MagicMock(workspace_id="default", here=here)
    made.runs.create = AsyncMock(return_value="run_1")
    made.runs.events = MagicMock(return_value=events)
    made.runs.get = AsyncMock(return_value=answered())
    made.runs.wait = AsyncMock(return_value=answered())
    return made


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[MagicMock]:
    """What a command finds on its home, one after the other."""
    backends: list[MagicMock] = []

    @asynccontextmanager
    async def next_one(*_: object, **__: object) -> AsyncGenerator[MagicMock]:
        yield backends.pop(0)

    monkeypatch.setattr(connect, "connect_home", next_one)
    monkeypatch.setattr(connect, "connect_url", next_one)
    monkeypatch.setattr(Session, "settings", MagicMock())
    return backends


async def test_a_run_that_lost_its_process_goes_on_after_the_last_event_seen(
    found: list[MagicMock], capsys: pytest.CaptureFixture[str]
) -> None:
    asking = session(json=True)
    lost = backend(broken(event(1, "RunCreated"), event(2, "PlanAdopted")), here=False)
    own = backend(stream(event(3, "RunClaimed"), event(4, "RunSucceeded")), here=True)
    found += [lost, own]
    assert await run_goal(asking, REQUEST) == 0
    assert own.runs.events.call_args.kwargs["after_seq"] == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("seq") for line in lines] == [1, 2, 3, 4, None]
    assert "going on without it" in written(asking.err)


async def test_a_goal_submitted_again_is_the_same_run(found: list[MagicMock]) -> None:
    lost, own = backend(broken(), here=False), backend(stream(), here=True)
    lost.runs.create = AsyncMock(side_effect=Unavailable("gone"))
    found += [lost, own]
    assert await run_goal(session(), REQUEST) == 0
    assert lost.runs.create.call_args == own.runs.create.call_args
    assert own.runs.create.call_args.args[1].idempotency_key


async def test_it_gives_up_in_the_end(found: list[MagicMock]) -> None:
    found += [backend(broken(), here=False) for _ in range(ATTEMPTS)]
    with pytest.raises(Unavailable):
        await run_goal(session(), REQUEST)
    assert found == []


async def test_an_engine_here_and_a_server_that_was_named_are_not_replaced(found: list[MagicMock]) -> None:
    found += [backend(broken(), here=True), backend(broken(), here=False)]
    with pytest.raises(Unavailable):
        await run_goal(session(), REQUEST)
    with pytest.raises(Unavailable):
        await run_goal(dataclasses.replace(session(), url="http://h", api_key="k"), REQUEST)
    assert found == []
