"""Runs are tagged, found, scheduled and cancelled many at a time through the API, the command line and a
server's twin of the ports, each workspace for itself."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.bulk import BulkRequest
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.contracts.schedules import NewSchedule, Overlap, ScheduleChange, ScheduledRun
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from tests.integration.app.clerks import permit
from tests.unit.core.engines import eventually

PLAN = (PlanTask(id="s0", objective="", tool="memory_search", arguments={"query": "x"}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    platform: Platform
    url: str
    key: str


@pytest.fixture(params=["sqlite", "postgres"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    return {"FLOWMATIK_DATABASE_URL": request.getfixturevalue("pg_migrated")}


@pytest.fixture
async def served(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n[budget]\nrun_usd = 0.25\n")
    settings = load_settings(tmp_path, environment)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        yield Served(platform=platform, url=server.url, key=read_local_token(settings))


async def command(served: Served, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    line = ["--url", served.url, "--api-key", served.key, "--json", "--lang", "en", *words]
    capsys.readouterr()
    code = await asyncio.to_thread(run_cli, line)
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


async def a_run(platform: Platform, goal: str, *tags: str, workspace: str = "default") -> str:
    await permit(platform, workspace, "memory_search")
    run_id = await platform.runs.create(workspace, NewRun(goal=goal, plan=PLAN, tags=tags))
    await asyncio.wait_for(platform.runs.wait(workspace, run_id), 120)
    return run_id


async def test_runs_are_found_through_a_server_as_they_are_here(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await a_run(served.platform, "Las facturas de María", "team:a", "q1")
    second = await a_run(served.platform, "something else", "team:a")
    await a_run(served.platform, "Las facturas de María", "team:a", workspace="b")
    remote = RemoteBackend(served.url, served.key)
    try:
        for backend in (served.platform, remote):
            for wanted, expected in (
                (RunFilter(tags=("team:a",)), [second, first]),
                (RunFilter(tags=("team:a", "q1"), statuses=(RunStatus.SUCCEEDED,)), [first]),
                (RunFilter(text="FACTURAS maria"), [first]),
                (RunFilter(created_before="2020-01-01T00:00:00Z"), []),
                (RunFilter(agent="nobody"), []),
                (RunFilter(parent=first), []),
            ):
                page = await backend.runs.list("default", wanted)
                assert [one.id for one in page.items] == expected
            one = await backend.runs.list("default", RunFilter(tags=("team:a",)), limit=1)
            two = await backend.runs.list("default", RunFilter(tags=("team:a",)), limit=1, cursor=one.next)
            assert [x.tags for x in (*one.items, *two.items)] == [("team:a",), ("team:a", "q1")]
            with pytest.raises(InvalidInput):
                await backend.runs.list(
                    "default",
                    RunFilter(created_after="2026-02-01T00:00:00Z", created_before="2026-01-01T00:00:00Z"),
                )
        created = await remote.runs.create("default", NewRun(goal="q", tags=("z",), priority=3))
        view = await served.platform.runs.get("default", created)
        assert (view.tags, view.priority) == (("z",), 3)
        with contextlib.suppress(Conflict):  # it may have been quicker
            await served.platform.runs.cancel("default", created)
    finally:
        await remote.close()
    code, listed = await command(
        served, capsys, "runs", "list", "--tag", "q1", "--since", "2d", "--status", "succeeded"
    )
    assert (code, [one["id"] for one in listed["items"]]) == (0, [first])
    code, error = await command(served, capsys, "runs", "list", "--since", "soon")
    assert (code, error["code"]) == (2, "input.moment")


async def test_a_server_says_what_a_filter_must_not_be(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, headers=bearer(served), timeout=60) as client:
        for query, code in (
            ("status=lost", "input.invalid"),
            ("limit=0", "input.invalid"),
            ("tag=a%20b", "input.tags"),
            ("created_after=x", "input.time"),
            ("text=%3F", "input.search"),
        ):
            answer = await client.get(f"/v1/runs?{query}")
            assert (answer.status_code, answer.json()["code"]) == (422, code)


def bearer(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.key}"}


async def test_a_schedule_is_made_changed_and_removed_through_a_server(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = RemoteBackend(served.url, served.key)
    schedules = remote.schedules
    try:
        new = NewSchedule(
            name="s:1",
            cron="30 2 * * *",
            timezone="Europe/Madrid",
            overlap=Overlap.QUEUE,
            run=ScheduledRun(goal="g", tags=("t",), priority=2, budget_micros=500_000),
        )
        made = await schedules.create("default", new)
        assert (made.run, made.overlap) == (new.run, Overlap.QUEUE)
        assert await schedules.get("default", "s:1") == made
        assert await schedules.get("default", made.id) == await served.platform.schedules.get(
            "default", "s:1"
        )
        assert (await schedules.list("default")).items == (made,)
        assert (
            await schedules.preview("default", "s:1", count=3)
        ) == await served.platform.schedules.preview("default", "s:1", count=3)
        with pytest.raises(Conflict):
            await schedules.create("default", new)
        changed = await schedules.change("default", "s:1", ScheduleChange(cron="@hourly", paused=True))
        assert (changed.cron, changed.paused, changed.run) == ("@hourly", True, new.run)
        assert not (await schedules.change("default", "s:1", ScheduleChange(paused=False))).paused
        run_id = await schedules.trigger("default", "s:1", idempotency_key="k")
        assert await schedules.trigger("default", "s:1", idempotency_key="k") == run_id
        view = await remote.runs.get("default", run_id)
        assert (view.schedule, view.tags, view.budget_micros) == ("s:1", ("t", "schedule:s:1"), 500_000)
        await schedules.remove("default", "s:1")
        with pytest.raises(NotFound):
            await schedules.get("default", "s:1")
    finally:
        await remote.close()
    code, added = await command(served, capsys, "schedules", "add", "a", "@daily", "goal", "--tag", "x")
    assert (code, added["name"], added["run"]["tags"]) == (0, "a", ["x"])
    assert (await command(served, capsys, "schedules", "list"))[1]["items"][0]["id"] == added["id"]
    assert len((await command(served, capsys, "schedules", "next", "a", "--count", "2"))[1]["items"]) == 2
    assert (await command(served, capsys, "schedules", "pause", "a"))[1]["paused"] is True
    assert (await command(served, capsys, "schedules", "resume", "a"))[1]["paused"] is False
    code, triggered = await command(served, capsys, "schedules", "trigger", "a")
    view = await served.platform.runs.get("default", triggered["run_id"])
    assert view.budget_micros == 250_000  # the installation's
    assert (await command(served, capsys, "schedules", "show", "a"))[1]["last_run_id"] == view.id
    assert (await command(served, capsys, "schedules", "remove", "a"))[0] == 0
    code, error = await command(served, capsys, "schedules", "show", "a")
    assert (code, error["code"]) == (3, "not_found.schedule")


async def test_a_schedule_fires_by_itself_where_the_server_runs(served: Served) -> None:
    run = ScheduledRun(goal="g", plan=PLAN)
    made = await served.platform.schedules.create(
        "default", NewSchedule(name="s", cron="* * * * *", run=run, principal="usr_1")
    )
    row = await served.platform.journal.schedule("default", made.id)
    assert row is not None
    due = int(served.platform.clock.now().timestamp()) // 60 * 60
    assert await served.platform.journal.change_schedule(replace(row, next_at=due), anew=True)

    async def has_fired() -> bool:
        return (await served.platform.schedules.get("default", "s")).last_run_id != ""

    await eventually(has_fired)
    found = await served.platform.runs.list("default", RunFilter(tags=("schedule:s",)))
    assert len(found.items) >= 1


async def test_another_workspace_neither_finds_nor_touches_what_is_ours(served: Served) -> None:
    run_id = await a_run(served.platform, "ours", "team:a")
    await served.platform.schedules.create(
        "default", NewSchedule(name="s", cron="@daily", run=ScheduledRun(goal="g", plan=PLAN))
    )
    other = Principal(id="u", name="u", workspace_id="b", scopes=frozenset({"admin"}))
    key = await served.platform.identity.create_key(other, "theirs", ("runs:read", "runs:write"))
    remote = RemoteBackend(served.url, key.secret)
    try:
        assert (await remote.runs.list("b", RunFilter(tags=("team:a",)))).items == ()
        assert (await remote.runs.list("b", RunFilter(text="ours"))).items == ()
        assert (await remote.schedules.list("b")).items == ()
        for refused in (
            remote.runs.get("b", run_id),
            remote.schedules.get("b", "s"),
            remote.schedules.trigger("b", "s"),
            remote.schedules.remove("b", "s"),
        ):
            with pytest.raises(NotFound):
                await refused
        report = await remote.bulk.bulk("b", BulkRequest(action="cancel", wanted=RunFilter(), every=True))
        assert report.matched == 0
        assert (await served.platform.schedules.get("default", "s")).name == "s"
    finally:
        await remote.close()


async def test_who_may_only_read_makes_no_schedule_and_cancels_nothing(served: Served) -> None:
    reader = Principal(id="u", name="u", workspace_id="default", scopes=frozenset({"admin"}))
    key = await served.platform.identity.create_key(reader, "reader", ("runs:read",))
    headers = {"Authorization": f"Bearer {key.secret}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
        assert (await client.get("/v1/schedules")).status_code == 200
        body = {"name": "s", "cron": "@daily", "run": {"goal": "g"}}
        assert (await client.post("/v1/schedules", json=body)).status_code == 403
        cancel = {"action": "cancel", "filter": {"tag": ["x"]}}
        assert (await client.post("/v1/runs/bulk", json=cancel)).status_code == 403
        for step in ("pause", "resume", "trigger"):
            assert (await client.post(f"/v1/schedules/s/{step}")).status_code == 403


async def test_every_option_of_a_schedule_reaches_it(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    when = ("--timezone", "Europe/Madrid", "--overlap", "cancel_running", "--catch-up", "7", "--paused")
    what = ("--agent", "researcher", "--language", "es", "--budget", "0.2", "--deadline", "90")
    place = ("--tag", "x", "--priority", "-2")
    add = ("schedules", "add", "s", "@daily", "g", *when, *what, *place)
    code, told = await command(served, capsys, *add, "--source", "a.md")
    assert (code, told["code"]) == (2, "input.sources"), "memory has no such document"
    code, told = await command(served, capsys, *add)
    assert code == 0, told
    made = await served.platform.schedules.get("default", "s")
    assert (made.timezone, made.overlap, made.catch_up_seconds, made.paused) == (
        "Europe/Madrid",
        Overlap.CANCEL_RUNNING,
        7,
        True,
    )
    assert made.run == ScheduledRun(
        goal="g",
        agent="researcher",
        language="es",
        budget_micros=200_000,
        deadline_seconds=90,
        tags=("x",),
        priority=-2,
    )


async def test_many_runs_are_cancelled_at_once_through_a_server(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await a_run(served.platform, "g", "x")
    bulk = ("runs", "bulk", "cancel")
    code, error = await command(served, capsys, *bulk, "--tag", "x")
    assert (code, error["code"]) == (2, "input.bulk_yes")
    code, error = await command(served, capsys, *bulk, "--yes")
    assert (code, error["code"]) == (2, "input.bulk_all")
    code, report = await command(served, capsys, *bulk, "--tag", "x", "--dry-run")
    assert (code, report["matched"], report["dry_run"]) == (0, 0, True)
    code, report = await command(served, capsys, *bulk, "--all", "--yes")
    assert (code, report["failed"]) == (0, 0)
    code, report = await command(served, capsys, *bulk, "--tag", "x", "--hard", "--yes")
    code, record = await command(served, capsys, "bulk", "show", report["request_id"])
    assert (code, record["asked"]["hard"]) == (0, True)
    assert (await served.platform.runs.get("default", done)).status is RunStatus.SUCCEEDED


async def test_many_runs_are_treated_alike_through_a_server_and_by_one_request_once(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = (PlanTask(id="w", objective="", wait=WaitSpec(kind="signal", name="go")),)
    runs: list[str] = []
    for _ in range(3):
        new = NewRun(goal="g", plan=waits, tags=("w",))
        runs.append(await served.platform.runs.create("default", new))
        await asyncio.wait_for(served.platform.runs.wait("default", runs[-1]), 120)
    bulk = ("runs", "bulk")
    code, report = await command(served, capsys, *bulk, "pause", "--tag", "w", "--dry-run")
    assert [one["run_id"] for one in report["results"]] == runs[::-1]
    pause = (*bulk, "pause", "--tag", "w", "--yes", "--request", "night", "--reason", "night")
    code, report = await command(served, capsys, *pause)
    assert (code, report["done"], report["request_id"]) == (0, 3, "night")
    code, report = await command(served, capsys, *pause)
    assert (report["done"], report["passed"]) == (0, 3)
    code, report = await command(served, capsys, *bulk, "resume", "--tag", "w", "--yes")
    assert report["done"] == 3
    code, report = await command(served, capsys, *bulk, "change", "--tag", "w", "--priority", "3", "--yes")
    assert report["done"] == 3
    code, error = await command(served, capsys, *bulk, "signal", "--tag", "w", "--yes")
    assert (code, error["code"]) == (2, "input.bulk_signal")
    remote = RemoteBackend(served.url, served.key)
    try:
        request = BulkRequest(
            action="signal", wanted=RunFilter(tags=("w",)), signal="go", data=0, request_id="r", limit=2
        )
        first = await remote.bulk.bulk("default", request)
        assert (first.done, first.more) == (2, True)
        second = await remote.bulk.bulk("default", replace(request, cursor=first.next))
        assert [one.run_id for one in second.results] == [runs[0]]
    finally:
        await remote.close()
    for run_id in runs:
        view = await asyncio.wait_for(served.platform.runs.wait("default", run_id), 120)
        assert (view.status, view.tasks[0].output, view.priority) == (RunStatus.SUCCEEDED, 0, 3)
    await served.platform.engine.bus.drain()
    await eventually(lambda: deleted(served, capsys))
    assert (await served.platform.runs.list("default", RunFilter(tags=("w",)))).items == ()


async def deleted(served: Served, capsys: pytest.CaptureFixture[str]) -> bool:
    code, _ = await command(served, capsys, "runs", "bulk", "delete", "--tag", "w", "--yes")
    return code == 0


async def test_who_may_write_runs_may_not_delete_them(served: Served) -> None:
    ours = Principal(id="u", name="u", workspace_id="default", scopes=frozenset({"admin"}))
    key = await served.platform.identity.create_key(ours, "writer", ("runs:read", "runs:write"))
    headers = {"Authorization": f"Bearer {key.secret}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
        body = {"action": "delete", "filter": {"tag": ["x"]}}
        assert (await client.post("/v1/runs/bulk", json=body)).status_code == 403
        assert (await client.post("/v1/runs/bulk", json=body | {"action": "pause"})).status_code == 200
