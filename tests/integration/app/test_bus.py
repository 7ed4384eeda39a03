"""Dead letters from the command line: in this process, and through the one that serves the home."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli import bus
from flowmatik.app.cli.session import Session
from flowmatik.app.local_token import read_local_token
from flowmatik.app.metrics import Metrics
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.kernel.events import CloudEvent, EventBus
from tests.unit.app.samples import session, written
from tests.unit.core.engines import eventually

PLAN = (PlanTask(id="s0", objective="", tool="memory_search", arguments={"query": "x"}),)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    return load_settings(tmp_path, {})


class Audit:
    """A subscriber that refuses everything until it is told otherwise."""

    refuses = True

    async def __call__(self, event: CloudEvent) -> None:
        if self.refuses:
            raise RuntimeError(f"no \x1b[31mroom for {event.seq}")

    def subscribe(self, bus: EventBus) -> None:
        bus.subscribe("audit", self)


async def a_run(platform: Platform) -> str:
    run_id = await platform.runs.create("default", NewRun(goal="g", plan=PLAN))
    await platform.runs.wait("default", run_id)
    await platform.engine.bus.drain()
    return run_id


@asynccontextmanager
async def serving(settings: Settings, audit: Audit) -> AsyncGenerator[tuple[str, str]]:
    """A server of the home with one refused run: its address, and the run."""
    metrics = Metrics()
    users: list[Callable[[EventBus], None]] = [metrics.subscribe, audit.subscribe]
    async with (
        open_platform(settings, recover_all=True, bus_users=users) as platform,
        serve_platform(platform, host="127.0.0.1", port=0, metrics=metrics) as server,
    ):
        yield server.url, await a_run(platform)


def of_home(settings: Settings, *, as_json: bool = False) -> Session:
    made = session(json=as_json)
    return Session(
        text=made.text, environment={}, home=str(settings.home), json=as_json, out=made.out, err=made.err
    )


async def test_a_refused_run_is_seen_counted_and_redriven_through_the_server(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = Audit()
    async with serving(settings, audit) as (url, run_id):
        asking = of_home(settings)
        assert await bus.show_letters(asking, 20, "") == 0
        shown = written(asking.out)
        assert run_id in shown
        assert "room for 1" in shown
        assert "\x1b" not in shown
        headers = {"Authorization": f"Bearer {read_local_token(settings)}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            assert 'flowmatik_dead_letters{subscriber="audit"} 1.0' in (await client.get("/metrics")).text
            assert await bus.hand_over(of_home(settings), "audit", run_id) == 1
            audit.refuses = False
            assert await bus.hand_over(of_home(settings, as_json=True), "audit", run_id) == 0
            done: dict[str, Any] = json.loads(capsys.readouterr().out)
            assert done["handled"] > 3
            assert done["left"] == []
            assert "flowmatik_dead_letters{" not in (await client.get("/metrics")).text
        asking = of_home(settings)
        assert await bus.show_letters(asking, 20, "") == 0
        assert "every subscriber took every event" in written(asking.err)


async def test_a_process_without_the_subscriber_lists_its_letters_and_leaves_a_redrive_to_who_has_it(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(settings, Audit()) as (_, run_id):
        pass
    assert await bus.show_letters(of_home(settings, as_json=True), 20, "") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["subscriber"], one["run_id"], one["seq"]) for one in listed["items"]] == [
        ("audit", run_id, 1)
    ]
    assert listed["next"] is None
    asking = of_home(settings)
    assert await bus.hand_over(asking, "audit", run_id) == 4
    assert "has been asked for" in written(asking.out)
    assert await bus.hand_over(of_home(settings, as_json=True), "audit", run_id) == 4
    assert json.loads(capsys.readouterr().out)["asked"] is True
    audit = Audit()
    audit.refuses = False
    async with open_platform(settings, recover_all=True, bus_users=[audit.subscribe]) as platform:
        async with asyncio.timeout(120):
            await eventually(lambda: nothing_left(platform))


async def nothing_left(platform: Platform) -> bool:
    return await platform.journal.count_dead_letters() == {}
