"""A gateway, a scheduler and workers, each a process of its own, on one PostgreSQL and one Redis."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli import flowmatik, make_home
from tests.e2e.scribe import LINES, Model, start_scribe, written
from tests.e2e.serving import Server, until, up

PICKED_UP_SECONDS = 5.0


@pytest.fixture
def model() -> Iterator[Model]:
    with Model.serving() as served:
        yield served


def part(home: Path, env: dict[str, str], role: str, name: str) -> AbstractContextManager[Server]:
    return up(home, {**env, "FLOWMATIK_ROLE": role}, log_name=name)


@pytest.mark.slow
def test_runs_of_a_killed_worker_are_picked_up_and_do_nothing_twice(
    tmp_path: Path, pg_database: str, redis_url: str, model: Model
) -> None:
    home = tmp_path / "home"
    env = model.environment(
        FLOWMATIK_DATABASE_URL=pg_database,
        FLOWMATIK_REDIS_URL=redis_url,
        FLOWMATIK_LOG_LEVEL="info",
        FLOWMATIK_MAX_RUNNING_RUNS="4",
    )
    made = flowmatik("--home", str(home), "init", "--no-examples", env=env)
    assert made.returncode == 0, made.stderr
    with ExitStack() as stack:
        gateway = stack.enter_context(part(home, env, "gateway", "gateway"))
        stack.enter_context(part(home, env, "scheduler", "scheduler"))
        first = stack.enter_context(part(home, env, "worker", "first"))
        health = httpx.get(f"{first.url}/health/ready", timeout=30)
        assert health.status_code == 200, health.text
        assert httpx.get(f"{first.url}/v1/runs", timeout=30).status_code == 404, "a worker serves callers"

        gate = model.hold(2)
        run_id = start_scribe(gateway)
        assert gate.reached.wait(150), gateway.said() + first.said()
        assert gateway.run(run_id)["status"] == "running"
        second = stack.enter_context(part(home, env, "worker", "second"))
        first.process.kill()
        killed = time.monotonic()
        until(lambda: gateway.events(run_id).count("RunClaimed") == 2, "it is picked up", second.said)
        assert time.monotonic() - killed < PICKED_UP_SECONDS
        gate.opened.set()
        view = gateway.at_rest(run_id)
        assert view["status"] == "succeeded", view
        assert written(home) == list(LINES)


@pytest.mark.slow
def test_parts_of_a_platform_need_postgresql(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    done = flowmatik("--home", str(home), "up", "--role", "worker")
    assert done.returncode == 2
    assert "engine.role" in done.stderr
    assert "FLOWMATIK_DATABASE_URL" in done.stderr
