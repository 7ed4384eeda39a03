"""Benchmarks with many figures, and the line that a soak test puts through its samples."""

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import clones, report
from benchmarks.engine_history.run import SHEET as HISTORY
from benchmarks.engine_scale.processes import until
from benchmarks.engine_waits.run import SHEET as WAITS
from benchmarks.figures import Figure, Sheet, Trial, percentile, run
from benchmarks.harness import Contestant, measure
from benchmarks.ours import running_engine
from benchmarks.soak.trend import trend
from benchmarks.targets import nothing
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.testing.tools import FunctionTools

MODULE = "tests.unit.benchmarks.contestants"


def sheet(*trials: Trial) -> Sheet:
    return Sheet(name="trial", title="Trial", about="What it is.", trials=trials)


def trial(name: str = "only", **contestant: Any) -> Trial:
    return Trial(
        name=name,
        contestant=Contestant(name="flowmatik", module=MODULE, options={"speed": 10}, **contestant),
        n=100,
        quick_n=2,
        prepare=nothing,
        shown=(
            Figure(name="value", unit="x/s", what="how many", most=500.0),
            Figure(name="cpu", unit="ms", what="how much"),
        ),
    )


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "benchmarks.md"
    monkeypatch.setattr(report, "PAGE", path)
    return path


def test_each_figure_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sheet(trial()), ["--quick", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["case"], line["n"], line["ours"]) for line in lines] == [
        ("only.value", 2, 20.0),
        ("only.cpu", 2, 3.0),
    ]


def test_a_full_run_of_all_trials_writes_the_page_and_says_what_was_missed(page: Path) -> None:
    absent = trial("absent", lacks=lambda: ["something"])
    assert run(sheet(trial(), absent), []) == 0
    assert run(sheet(trial()), ["--case", "only"]) == 0
    assert run(sheet(trial()), ["--n", "5"]) == 0
    assert not page.exists()
    assert run(sheet(trial()), []) == 0
    assert "| `only` | 100 | how many | 1,000 x/s | ≤ 500: missed (1000) |" in page.read_text(
        encoding="utf-8"
    )


def test_a_trial_without_what_it_needs_is_left_out_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sheet(trial("absent", lacks=lambda: ["the server (npm)"])), ["--quick"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "absent: left out, not installed: the server (npm)" in captured.err


@pytest.mark.parametrize("one", [HISTORY, WAITS], ids=lambda one: str(one.name))
def test_the_trials_of_a_benchmark_have_names_of_their_own(one: Sheet) -> None:
    names = [each.name for each in one.trials]
    assert len(names) == len(set(names))


def test_percentiles_are_values_that_were_measured() -> None:
    assert (percentile([3.0, 1.0, 2.0, 4.0], 0.5), percentile([1.0], 0.99)) == (3.0, 1.0)


def noise(slope: float) -> list[tuple[float, float]]:
    chance = random.Random(7)
    return [(float(x), 100 + slope * x + chance.gauss(0, 0.5)) for x in range(3000)]


def test_memory_that_grows_is_told_from_memory_that_does_not() -> None:
    grows, rests = trend(noise(0.01)).over(3000), trend(noise(0.0)).over(3000)
    assert grows.low < 30 < grows.high
    assert grows.high - grows.low < 1
    assert rests.low < 0 < rests.high


def test_a_line_through_two_points_is_not_judged() -> None:
    with pytest.raises(ValueError, match="too few"):
        trend([(0.0, 1.0), (1.0, 2.0)])


def test_a_map_of_a_few_items_is_measured(tmp_path: Path) -> None:
    ours = Contestant(name="flowmatik", module="benchmarks.engine_history.fanout")
    job = {"store": "sqlite_full", "n": 5, "target": str(tmp_path)}
    assert measure(ours, job, 60)["rate"] > 0


async def _ended(engine: EngineHandle, run_id: str) -> bool:
    return (await engine.runs.get("default", run_id)).status.ended


async def test_copies_of_a_waiting_run_go_on_as_the_original_does(pg_database: str) -> None:
    job = {"store": "postgres", "target": pg_database}
    plan = (PlanTask(id="w", objective="", wait=WaitSpec(kind="signal", name="go")),)
    async with running_engine(job, tools=FunctionTools({})) as engine:
        run_id = await engine.runs.create("default", NewRun(goal="wait", plan=plan))
        view = await engine.runs.wait("default", run_id)
        assert view.status is RunStatus.WAITING
    connection = await clones.connect(pg_database)
    try:
        await clones.clone(connection, [run_id], 3)
        rows = await connection.fetch("SELECT run_id FROM runs ORDER BY run_id")
    finally:
        await connection.close()
    ids = [str(row["run_id"]) for row in rows]
    assert len(ids) == 4
    async with running_engine(job, tools=FunctionTools({})) as engine:
        for one in ids:
            await engine.signals.signal("default", one, "go", {"to": one})
        for one in ids:
            await until(partial(_ended, engine, one), 20)
            view = await engine.runs.get("default", one)
            assert (view.id, view.status, view.tasks[0].output) == (one, RunStatus.SUCCEEDED, {"to": one})
            assert (await engine.runs.replay("default", one)).differences == ()
