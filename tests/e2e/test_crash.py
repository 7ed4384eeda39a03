"""SIGKILL at every kind of point of a run, against the real server, on both stores.

After a restart the run must be finished, no finished step done again (counted at the tool's file
and at the model server), and the `once` effect there exactly once, or the run waiting in doubt.
Each seed has a home, a database and a model server of its own; several run side by side, for most of
their time passes in waiting until a dead owner's lease and its calls have run out.
"""

import asyncio
import contextlib
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import pytest

from tests.conftest import administer
from tests.e2e.cli import environment, flowmatik, make_home
from tests.e2e.scribe import LINES, Model, start_scribe, written
from tests.e2e.serving import up

SEEDS = 25
AT_ONCE = 5  # by one test, so that no two processes of a run of the tests live the same seed
GROUPS = [range(first, first + AT_ONCE) for first in range(0, SEEDS, AT_ONCE)]


def fuse_of(seed: int) -> str:
    """The point for a seed: every seed another one, spread over appends and tool calls."""
    points = [f"append:{n}:{moment}" for n in range(1, 9) for moment in ("before", "after")]
    points += [f"tool:{n}:{moment}" for n in range(1, 4) for moment in ("before", "after")]
    random.Random(7).shuffle(points)
    return points[seed % len(points)]


def _crash_and_recover(home: Path, env: dict[str, str], model: Model, seed: int) -> None:
    fuse = fuse_of(seed)
    with up(home, env, [sys.executable, "-m", "tests.e2e.crashing", fuse]) as server:
        with contextlib.suppress(httpx.TransportError):  # it may die before it has answered
            start_scribe(server, key=f"seed {seed}")
        assert server.process.wait(150) == -9, f"{fuse} did not go off: {server.said()[-2000:]}"
    with up(home, env) as server:
        run_id = start_scribe(server, key=f"seed {seed}")  # the one that was begun
        view = server.at_rest(run_id)
        history = server.events(run_id)
        replayed = server.post(f"/v1/runs/{run_id}/replay").json()
    lines = written(home)
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


Attempt = Callable[[int], None]


def _side_by_side(attempt: Attempt, seeds: range) -> None:
    """What is wrong with any of them is told when all have ended."""
    with ThreadPoolExecutor(len(seeds), thread_name_prefix="seed") as pool:
        attempts = [pool.submit(attempt, seed) for seed in seeds]
    faults = [fault for one in attempts if (fault := one.exception()) is not None]
    if faults:
        raise BaseExceptionGroup(f"{len(faults)} of {seeds} failed", faults)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    folder = tmp_path_factory.mktemp("crash")
    pristine = make_home(folder / "home", "--no-examples")

    def attempt(seed: int) -> None:
        home = shutil.copytree(pristine, folder / str(seed))
        with Model.serving() as model:
            _crash_and_recover(home, model.environment(), model, seed)

    return attempt


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", GROUPS, ids=str)
def test_a_run_survives_sigkill_on_sqlite(on_sqlite: Attempt, seeds: range) -> None:
    _side_by_side(on_sqlite, seeds)


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, pg_dsn: str) -> Iterator[Attempt]:
    folder = tmp_path_factory.mktemp("crash-pg")
    name = f"crash_{uuid4().hex}"

    def database(of: str) -> str:
        return urlunsplit(urlsplit(pg_dsn)._replace(path=f"/{of}"))

    @contextlib.contextmanager
    def own(of: str, template: str) -> Generator[str]:
        asyncio.run(administer(pg_dsn, f'CREATE DATABASE "{of}" TEMPLATE "{template}"'))
        try:
            yield database(of)
        finally:
            asyncio.run(administer(pg_dsn, f'DROP DATABASE "{of}" WITH (FORCE)'))

    def attempt(seed: int) -> None:
        home = shutil.copytree(pristine, folder / str(seed))
        with own(f"{name}_{seed}", name) as url, Model.serving() as model:
            _crash_and_recover(home, model.environment(FLOWMATIK_DATABASE_URL=url), model, seed)

    with own(name, "template1") as url:
        pristine = folder / "home"
        env = environment(FLOWMATIK_DATABASE_URL=url)
        made = flowmatik("--home", str(pristine), "init", "--no-examples", env=env)
        assert made.returncode == 0, made.stderr
        yield attempt


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", GROUPS, ids=str)
def test_a_run_survives_sigkill_on_postgresql(on_postgresql: Attempt, seeds: range) -> None:
    _side_by_side(on_postgresql, seeds)
