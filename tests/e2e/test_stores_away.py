"""The journal cannot be used in the middle of a run: the run waits, and goes on when it can again.

Nothing is done twice: counted at the model server and in the file that the `once` tool writes.
"""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.kernel.sqlite import connect
from tests.e2e.cli import environment, flowmatik, make_home
from tests.e2e.scribe import LINES, Gate, Model, start_scribe, written
from tests.e2e.serving import Server, until, up
from tests.integration.core.own_postgres import OwnPostgres, own_postgres_server

AWAY = "the journal is away; the run waits for it"
LONG = "word " * 60_000  # an answer that no free page of a small journal can hold


@pytest.fixture
def model() -> Iterator[Model]:
    with Model.serving() as served:
        yield served


def reached(gate: Gate, server: Server) -> None:
    assert gate.reached.wait(60), server.said()


def has_waited(server: Server) -> None:
    until(lambda: AWAY in server.said(), "the log says that the run waits", server.said)


def finished_once(server: Server, run_id: str, model: Model) -> None:
    """Every question asked once, every line written once, every event there in its order."""
    view = server.at_rest(run_id)
    assert view["status"] == "succeeded", view
    assert written(server.home) == list(LINES)
    assert dict(model.asked) == {0: 1, 1: 1, 2: 1, 3: 1}
    ids = [int(line.removeprefix("id: ")) for line in server.events(run_id).splitlines() if line[:3] == "id:"]
    assert ids == list(range(1, len(ids) + 1))
    assert server.post(f"/v1/runs/{run_id}/replay").json()["differences"] == []


def test_a_run_waits_for_room_on_a_full_disk(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    cramped = [sys.executable, "-m", "tests.e2e.cramped"]
    with Model.serving(ending=LONG) as model, up(home, model.environment(), cramped) as server:
        gate = model.hold(3)
        run_id = start_scribe(server)
        reached(gate, server)
        server.process.send_signal(signal.SIGUSR1)
        gate.opened.set()
        has_waited(server)
        assert server.run(run_id)["status"] == "running"
        assert "disk is full" in server.said()
        assert "Free the disk" in server.said()
        server.process.send_signal(signal.SIGUSR2)
        finished_once(server, run_id, model)


def test_a_new_run_is_refused_while_the_disk_is_full_and_leaves_nothing(tmp_path: Path, model: Model) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    cramped = [sys.executable, "-m", "tests.e2e.cramped"]
    with up(home, model.environment(), cramped) as server:
        server.process.send_signal(signal.SIGUSR1)
        until(lambda: _create(server) == (503, "unavailable.journal"), "a run is refused", server.said)
        before = len(server.get("/v1/runs").json()["items"])
        assert _create(server) == (503, "unavailable.journal")
        assert len(server.get("/v1/runs").json()["items"]) == before
        server.process.send_signal(signal.SIGUSR2)
        until(lambda: _create(server)[0] == 202, "a run is taken", server.said)


def _create(server: Server) -> tuple[int, str]:
    """What is said to a goal that needs several pages."""
    answer = server.post("/v1/runs", json={"goal": LONG[:19_000]})
    return answer.status_code, str(answer.json().get("code", ""))


def test_a_run_waits_while_another_process_has_the_journal_locked(tmp_path: Path, model: Model) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    with up(home, model.environment()) as server:
        gate = model.hold(2)
        run_id = start_scribe(server)
        reached(gate, server)
        other = connect(home / ".flowmatik" / "journal.db")
        try:
            other.execute("BEGIN IMMEDIATE")
            gate.opened.set()
            has_waited(server)
            assert server.run(run_id)["status"] == "running"
            assert "journal.db" in server.said()
            assert "close the other program" in server.said()
            assert written(home) == [LINES[0]], "no effect begins before its intent is in the journal"
            other.execute("ROLLBACK")
        finally:
            other.close()
        finished_once(server, run_id, model)


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres_server() as server:
        yield server


def test_a_run_waits_while_postgresql_is_gone(tmp_path: Path, postgres: OwnPostgres, model: Model) -> None:
    home = tmp_path / "home"
    database = {"FLOWMATIK_DATABASE_URL": postgres.url}
    made = flowmatik("--home", str(home), "init", "--no-examples", env=environment(**database))
    assert made.returncode == 0, made.stderr
    with up(home, model.environment(**database)) as server:
        gate = model.hold(2)
        run_id = start_scribe(server)
        reached(gate, server)
        postgres.stop()
        gate.opened.set()
        has_waited(server)
        refused = server.get(f"/v1/runs/{run_id}")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable.journal")
        ready = server.get("/health/ready")
        assert ready.status_code == 503
        assert "PostgreSQL" in ready.text
        assert written(home) == [LINES[0]], "no effect begins before its intent is in the journal"
        postgres.start()
        finished_once(server, run_id, model)
        assert server.get("/health/ready").status_code == 200
