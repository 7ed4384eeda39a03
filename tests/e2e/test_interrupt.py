"""Ctrl-C: the command ends at once with 130, the run keeps what was done and can be continued."""

import json
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.e2e.cli import PROGRAM, environment, flowmatik, make_home

TALKER = """\
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: talker}
summary: Talks.
role: talker
instructions: Talk.
output: text
"""
PATIENCE_SECONDS = 150.0
Event = dict[str, Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = make_home(tmp_path / "home", "--no-examples")
    (tmp_path / "talker.yaml").write_text(TALKER)
    assert flowmatik("--home", str(home), "agents", "apply", str(tmp_path / "talker.yaml")).returncode == 0
    return home


def of(model: OpenAIServer) -> dict[str, str]:
    return environment(
        FLOWMATIK_MODEL_BASE_URL=model.base_url, FLOWMATIK_MODEL="custom/any", FLOWMATIK_MODEL_API_KEY="k"
    )


@contextmanager
def started(home: Path, env: dict[str, str], *arguments: str) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, "--home", str(home), "--json", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def asks_the_model(process: subprocess.Popen[str]) -> list[Event]:
    """The events up to the intent of the first model call."""
    assert process.stdout is not None
    events: list[Event] = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["type"] == "flowmatik.CallRequested" and events[-1]["data"]["kind"] == "model":
            return events
    raise AssertionError(f"it ended before: {events} {process.communicate()[1]}")


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    return out, err


def is_asked(model: OpenAIServer) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not model.calls:
        assert time.monotonic() < deadline, "the model was never asked"
        time.sleep(0.02)


def test_an_interrupted_run_keeps_its_journal_says_how_to_go_on_and_does(home: Path) -> None:
    with OpenAIServer(Step(kind="silent"), Step(text="All is well.")) as model:
        with started(home, of(model), "run", "How are you?", "--agent", "talker") as process:
            events = asks_the_model(process)
            run_id = events[0]["subject"]
            is_asked(model)
            out, err = interrupted(process)
        assert f"flowmatik runs resume {run_id}" in err
        last = json.loads(out.splitlines()[-1])
        assert (last["type"], last["code"]) == ("error", "run.interrupted")
        kept = json.loads(flowmatik("--home", str(home), "--json", "runs", "logs", run_id).stdout)["items"]
        assert kept[: len(events)] == events
        shown = json.loads(flowmatik("--home", str(home), "--json", "runs", "show", run_id).stdout)
        assert shown["status"] not in ("succeeded", "failed", "cancelled")
        resumed = flowmatik("--home", str(home), "--json", "runs", "resume", run_id, env=of(model))
        assert resumed.returncode == 0, resumed.stderr
        result = json.loads(resumed.stdout.splitlines()[-1])
        assert (result["status"], result["answer"]["text"]) == ("succeeded", "All is well.")
        assert len(model.calls) == 2
    replayed = json.loads(flowmatik("--home", str(home), "--json", "runs", "replay", run_id).stdout)
    assert replayed["differences"] == []


def test_leaving_the_log_of_a_run_that_another_process_drives_leaves_the_run_alone(home: Path) -> None:
    with (
        OpenAIServer(Step(kind="silent")) as model,
        started(home, of(model), "run", "How are you?", "--agent", "talker") as runner,
    ):
        run_id = asks_the_model(runner)[0]["subject"]
        with started(home, of(model), "--lang", "es", "runs", "logs", run_id, "-f") as reader:
            assert asks_the_model(reader)[0]["subject"] == run_id
            _, err = interrupted(reader)
        assert f"flowmatik runs logs {run_id} -f" in err
        assert "sigue con ella" in err
        assert runner.poll() is None
        interrupted(runner)


def test_a_server_that_is_told_to_end_ends_with_0_and_keeps_its_runs(home: Path) -> None:
    with OpenAIServer(Step(kind="silent"), Step(text="All is well.")) as model:
        with started(home, of(model), "up", "--port", "0") as server:
            assert server.stdout is not None
            assert json.loads(server.stdout.readline())["url"]
            sent = flowmatik(
                "--home", str(home), "--json", "run", "Hello?", "--agent", "talker", "--no-follow"
            )
            run_id = json.loads(sent.stdout.splitlines()[-1])["run_id"]
            is_asked(model)
            server.send_signal(signal.SIGTERM)
            _, err = server.communicate(timeout=PATIENCE_SECONDS)
            assert server.returncode == 0, err
            assert "Traceback" not in err
        resumed = flowmatik("--home", str(home), "--json", "runs", "resume", run_id, env=of(model))
        assert json.loads(resumed.stdout.splitlines()[-1])["status"] == "succeeded", resumed.stderr


def test_a_run_of_another_process_is_cancelled_though_that_ends_with_its_run(home: Path) -> None:
    with (
        OpenAIServer(Step(kind="silent")) as model,
        started(home, of(model), "run", "How are you?", "--agent", "talker") as process,
    ):
        run_id = asks_the_model(process)[0]["subject"]
        done = flowmatik("--home", str(home), "--json", "runs", "cancel", run_id, env=of(model))
        assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "cancelled"), done.stderr
        assert process.wait(PATIENCE_SECONDS) == 130
