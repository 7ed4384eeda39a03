"""SIGKILL at every kind of point of a run, against the real server, on both stores.

After a restart the run must be finished, no finished step done again (counted at the tool's file
and at the model server), and the `once` effect there exactly once, or the run waiting in doubt.
"""

import contextlib
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli import environment, flowmatik, make_home
from tests.e2e.scribe import LINES, Model, start_scribe, written
from tests.e2e.serving import up

SEEDS = range(25)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model.serving() as served:
        yield served


def fuse_of(seed: int) -> str:
    """The point for a seed: every seed another one, spread over appends and tool calls."""
    points = [f"append:{n}:{moment}" for n in range(1, 9) for moment in ("before", "after")]
    points += [f"tool:{n}:{moment}" for n in range(1, 4) for moment in ("before", "after")]
    random.Random(7).shuffle(points)
    return points[seed % len(points)]


@pytest.fixture(scope="module")
def sqlite_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("crash") / "home", "--no-examples")


def _crash_and_recover(home: Path, env: dict[str, str], model: Model, seed: int) -> None:
    before = len(written(home))
    model.asked.clear()
    fuse = fuse_of(seed)
    with up(home, env, [sys.executable, "-m", "tests.e2e.crashing", fuse]) as server:
        with contextlib.suppress(httpx.TransportError):  # it may die before it has answered
            start_scribe(server, key=f"seed {seed}")
        assert server.process.wait(60) == -9, f"{fuse} did not go off: {server.said()[-2000:]}"
    with up(home, env) as server:
        run_id = start_scribe(server, key=f"seed {seed}")  # the one that was begun
        view = server.at_rest(run_id)
        history = server.events(run_id)
        replayed = server.post(f"/v1/runs/{run_id}/replay").json()
    lines = written(home)[before:]
    told = f"seed {seed}, {fuse}: {view['status']} {view['error']} {lines} {dict(model.asked)}"
    if view["status"] == "in_doubt":
        assert all(count <= 1 for count in Counter(lines).values()), told
        return
    assert view["status"] == "succeeded", told
    assert lines == list(LINES), told
    repeated = {step: count for step, count in model.asked.items() if count > 1}
    assert sum(repeated.values()) - len(repeated) <= 1, (
        f"only a question that was cut off is asked again; {told}"
    )
    assert history.count("flowmatik.RunClaimed") >= 2, told
    assert replayed["differences"] == [], told


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_survives_sigkill_on_sqlite(sqlite_home: Path, model: Model, seed: int) -> None:
    _crash_and_recover(sqlite_home, model.environment(), model, seed)


@pytest.fixture(scope="module")
def postgres_home(tmp_path_factory: pytest.TempPathFactory, pg_dsn: str) -> tuple[Path, str]:
    name = f"crash_{os.getpid()}"
    import asyncio

    from tests.conftest import administer

    asyncio.run(administer(pg_dsn, f'CREATE DATABASE "{name}"'))
    url = pg_dsn.rsplit("/", 1)[0] + f"/{name}"
    home = tmp_path_factory.mktemp("crash-pg") / "home"
    made = flowmatik(
        "--home", str(home), "init", "--no-examples", env=environment(FLOWMATIK_DATABASE_URL=url)
    )
    assert made.returncode == 0, made.stderr
    return home, url


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_survives_sigkill_on_postgresql(
    postgres_home: tuple[Path, str], model: Model, seed: int
) -> None:
    home, url = postgres_home
    _crash_and_recover(home, model.environment(FLOWMATIK_DATABASE_URL=url), model, seed)
