"""The journal cannot be used in the middle of a run: the run waits, and goes on when it can again.

Nothing is done twice: counted at the model server and in the file that the `once` tool writes.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowmatik.kernel.sqlite import connect
from tests.conftest import administer
from tests.e2e.cli import PROGRAM, environment, flowmatik, make_home
from tests.e2e.scribe import LINES, PROFILE, Gate, Model, start_scribe, written
from tests.e2e.serving import Server, until, up
from tests.integration.core.own_postgres import OwnPostgres, own_postgres_server

AWAY = "the journal is away; the run waits for it"
LONG = "word " * 60_000  # an answer that no free page of a small journal can hold


@pytest.fixture
def model() -> Iterator[Model]:
    with Model.serving() as served:
        yield served


def reached(gate: Gate, server: Server) -> None:
    assert gate.reached.wait(150), server.said()


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


def postgres_home(folder: Path, postgres: OwnPostgres) -> tuple[Path, dict[str, str]]:
    """A home on that database, and the setting that says so."""
    home, database = folder / "home", {"FLOWMATIK_DATABASE_URL": postgres.url}
    made = flowmatik("--home", str(home), "init", "--no-examples", env=environment(**database))
    assert made.returncode == 0, made.stderr
    return home, database


def test_a_run_waits_while_postgresql_is_gone(tmp_path: Path, postgres: OwnPostgres, model: Model) -> None:
    home, database = postgres_home(tmp_path, postgres)
    with up(home, model.environment(**database)) as server:
        gate = model.hold(2)
        run_id = start_scribe(server)
        reached(gate, server)
        postgres.stop()
        gate.opened.set()
        has_waited(server)
        refused = server.get(f"/v1/runs/{run_id}")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable.journal")
        assert int(refused.headers["retry-after"]) > 0
        ready = server.get("/health/ready")
        assert ready.status_code == 503
        assert "PostgreSQL" in ready.text
        assert "127.0.0.1" not in ready.text, "whoever asks need not have logged in"
        assert str(home) not in ready.text
        assert written(home) == [LINES[0]], "no effect begins before its intent is in the journal"
        postgres.start()
        finished_once(server, run_id, model)
        assert server.get("/health/ready").status_code == 200


@contextmanager
def following(home: Path, env: dict[str, str], *options: str) -> Generator[subprocess.Popen[bytes]]:
    """`flowmatik run` of the agent that writes two lines; what it says lies in run.err and run.out."""
    with (home / "run.err").open("wb") as err, (home / "run.out").open("wb") as out:
        command = [*PROGRAM, "--home", str(home), "--json", "run", "Write", "--agent", "scribe", *options]
        process = subprocess.Popen(command, env=env, stdout=out, stderr=err)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("through_a_server", [False, True], ids=["alone", "through a server"])
def test_the_command_run_waits_while_postgresql_is_gone_and_says_so(
    tmp_path: Path, postgres: OwnPostgres, model: Model, through_a_server: bool
) -> None:
    home, database = postgres_home(tmp_path, postgres)
    env = model.environment(**database)
    (home / "scribe.yaml").write_text(PROFILE, encoding="utf-8")
    applied = flowmatik("--home", str(home), "agents", "apply", str(home / "scribe.yaml"), env=env)
    assert applied.returncode == 0, applied.stderr

    def said() -> str:
        return (home / "run.err").read_text(encoding="utf-8")

    def outlasts() -> None:
        gate = model.hold(2)
        with following(home, env) as process:
            assert gate.reached.wait(150), said()
            postgres.stop()
            gate.opened.set()
            until(lambda: "waiting for it, at most 300 s" in said(), "the command says that it waits", said)
            assert process.poll() is None
            assert written(home) == [LINES[0]]
            postgres.start()
            assert process.wait(60) == 0, said()

    if through_a_server:
        with up(home, env):
            outlasts()
    else:
        outlasts()
    assert "The store is back" in said()
    assert "has ended" not in said(), "the process at work on the home never left"
    lines = [json.loads(line) for line in (home / "run.out").read_text(encoding="utf-8").splitlines()]
    assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert lines[-1]["status"] == "succeeded"
    assert written(home) == list(LINES)


def test_the_command_run_gives_up_when_the_store_stays_away_and_the_run_can_be_resumed(
    tmp_path: Path, postgres: OwnPostgres, model: Model
) -> None:
    home, database = postgres_home(tmp_path, postgres)
    env = model.environment(**database, FLOWMATIK_STORE_WAIT_SECONDS="1")
    (home / "scribe.yaml").write_text(PROFILE, encoding="utf-8")
    flowmatik("--home", str(home), "agents", "apply", str(home / "scribe.yaml"), env=env)
    gate = model.hold(2)
    with following(home, env) as process:
        assert gate.reached.wait(150)
        postgres.stop()
        gate.opened.set()
        assert process.wait(60) == 6, (home / "run.err").read_text(encoding="utf-8")
    postgres.start()
    run_id = json.loads((home / "run.out").read_text(encoding="utf-8").splitlines()[0])["subject"]
    resumed = flowmatik("--home", str(home), "runs", "resume", run_id, env=env)
    assert resumed.returncode == 0, resumed.stderr
    assert written(home) == list(LINES)


def test_a_database_that_takes_no_connections_is_away_and_not_an_internal_error(
    tmp_path: Path, postgres: OwnPostgres, model: Model
) -> None:
    home, database = postgres_home(tmp_path, postgres)
    beside = postgres.url.removesuffix("postgres") + "template1"
    with up(home, model.environment(**database)) as server:
        asyncio.run(administer(beside, "ALTER DATABASE postgres ALLOW_CONNECTIONS false"))
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'"
        asyncio.run(administer(beside, ending))
        refused = server.get("/v1/runs")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable.journal"), refused.text
        assert "not currently accepting connections" in refused.text
        listed = flowmatik("--home", str(home), "runs", "list", env=environment(**database))
        assert listed.returncode == 6
        assert "PostgreSQL cannot be used now" in listed.stderr
        assert "has ended" not in listed.stderr
        asyncio.run(administer(beside, "ALTER DATABASE postgres ALLOW_CONNECTIONS true"))
        until(lambda: server.get("/v1/runs").status_code == 200, "the server recovers", server.said)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_damaged_memory_is_told_as_such_and_not_as_nothing_found(tmp_path: Path, lang: str) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    note = tmp_path / "note.md"
    note.write_text("The office in Lugo opens at 8:15.")
    assert flowmatik("--home", str(home), "memory", "ingest", str(note)).returncode == 0
    for rest in home.joinpath(".flowmatik").glob("memory.db*"):
        rest.write_bytes(b"\x00nonsense" * 4000)
    done = flowmatik("--home", str(home), "--lang", lang, "run", "When does the office in Lugo open?")
    assert done.returncode == 6, done.stderr
    assert "memory.db" in done.stdout
    assert {"en": "damaged", "es": "dañad"}[lang] in done.stdout
    asked = flowmatik("--home", str(home), "--json", "run", "When does the office in Lugo open?")
    result = json.loads(asked.stdout.splitlines()[-1])
    assert (asked.returncode, result["status"], result["answer"]) == (6, "failed", None)
