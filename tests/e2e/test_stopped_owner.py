"""A process that is stopped just before a send and wakes up when its run is another's starts nothing.

Two servers on one PostgreSQL. Each has a home, and with it a file of its own for the `once` tool, so
that it can be seen who wrote.
"""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import environment, flowmatik
from tests.e2e.scribe import LINES, Model, start_scribe, written
from tests.e2e.serving import until, up

LOST = "another owner has the run"


@pytest.fixture
def model() -> Iterator[Model]:
    with Model.serving() as served:
        yield served


def home_on(database: str, folder: Path) -> Path:
    made = flowmatik(
        "--home", str(folder), "init", "--no-examples", env=environment(FLOWMATIK_DATABASE_URL=database)
    )
    assert made.returncode == 0, made.stderr
    return folder


def is_stopped(pid: int) -> bool:
    return "State:\tT" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 2], ids=["a question to the model", "a once tool"])
def test_a_stopped_owner_whose_run_was_taken_over_sends_nothing_when_it_wakes(
    tmp_path: Path, pg_database: str, model: Model, call: int
) -> None:
    first, second = home_on(pg_database, tmp_path / "first"), home_on(pg_database, tmp_path / "second")
    env = model.environment(FLOWMATIK_DATABASE_URL=pg_database, FLOWMATIK_LOG_LEVEL="info")
    stopping = [sys.executable, "-m", "tests.e2e.stopping", str(call)]
    with up(first, env, stopping) as sleeper, up(second, env) as heir:
        run_id = start_scribe(sleeper)
        until(lambda: is_stopped(sleeper.process.pid), "it stops", sleeper.said)
        view = heir.at_rest(run_id)
        assert view["status"] == "succeeded", view
        assert written(second) == list(LINES)
        asked = dict(model.asked)
        sleeper.process.send_signal(signal.SIGCONT)
        until(lambda: LOST in sleeper.said(), "it finds its run taken", sleeper.said)
        assert written(first) == []
        assert dict(model.asked) == asked == {0: 1, 1: 1, 2: 1, 3: 1}
        assert heir.run(run_id)["head_seq"] == view["head_seq"]
