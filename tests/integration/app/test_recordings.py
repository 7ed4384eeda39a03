"""Runs are recorded, and replayed without network: the same decisions and the same requests, or the first
exchange that differs, with what differs in it."""

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowmatik.agents import ReducerLoop, parse_profile
from flowmatik.app.local_token import read_local_token
from flowmatik.app.plan_files import read_plan
from flowmatik.app.recording_files import read_recording, write_recording
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.recordings import RecordedEvent, Recording
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.recordings.replaying import replayed
from flowmatik.core.reruns.rerunning import rerun
from flowmatik.kernel.errors import NotFound
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse
from tests.e2e import within
from tests.integration.app.test_plans import Served

PATTERNS = Path(__file__).parents[3] / "examples" / "patterns"
LEAD = PATTERNS / "delegation" / "project-lead.yaml"
MAIL, KEY = "ana.lopez@example.com", "sk-live-9f8e7d6c5b4a3210"
ASK = ToolUse(
    name="ask_agent", arguments=json.dumps({"agent": "site-specialist", "goal": "When does Cork open?"})
)
SCRIPT = (
    Step(when="You lead a project", text="", tools=(ASK,)),
    Step(when="You lead a project", text="Cork opens at nine."),
    Step(when="You know the sites", text="At nine."),
    *(
        Step(when=when, text=text)
        for when, text in (("con prudencia", "Canberra"), ("deprisa", "Perth"), ("como experto", "Canberra"))
    ),
    Step(when="Resume esta opinión", text="rápido"),
    Step(when="Juntas los resúmenes", text="Todos dicen que rápido."),
    Step(text="Noted."),
)


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with OpenAIServer(*SCRIPT) as server:
        yield server


@pytest.fixture
async def served(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    settings = load_settings(tmp_path, named)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        for path in sorted(PATTERNS.glob("*/*.yaml")):
            if path.name != "plan.yaml":
                await platform.agents.apply("default", path.read_text(), filename=path.name)
        yield Served(platform, server.url, read_local_token(settings))


def planned(folder: str) -> NewRun:
    file = read_plan(str(PATTERNS / folder / "plan.yaml"))
    return NewRun(goal=file.goal, plan=file.plan)


DELEGATED = NewRun(goal="When does the site in Cork open?", agent="project-lead")


async def recorded(served: Served, new: NewRun, **how: Any) -> Recording:
    run_id = await served.platform.runs.create("default", new)
    assert await served.ended(run_id) is RunStatus.SUCCEEDED
    return await served.platform.recordings.record("default", run_id, **how)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(monkeypatch)


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something reaches for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)


@pytest.fixture
async def recordings(served: Served, tmp_path: Path) -> dict[str, Path]:
    """By pattern; whoever answered is gone when a test replays them."""
    wanted = {"delegation": DELEGATED, "vote": planned("vote"), "map-reduce": planned("map-reduce")}
    files: dict[str, Path] = {}
    for name, new in wanted.items():
        files[name] = tmp_path / f"{name}.json"
        write_recording(files[name], await recorded(served, new))
    return files


def test_recorded_teams_decide_and_ask_the_same_without_network(
    recordings: dict[str, Path], no_network: None
) -> None:
    for name, file in recordings.items():
        done = within.flowmatik("--json", "runs", "replay", "--recording", str(file))
        report = json.loads(done.stdout)
        assert (done.returncode, report["difference"], report["unproved"]) == (0, None, 0), (name, report)
        assert (report["by_engine"], report["instead"]) == (True, [])
        assert report["exchanges"] >= 3, name
        walked = within.flowmatik("--json", "runs", "replay", "--recording", str(file), "--decisions-only")
        assert json.loads(walked.stdout)["difference"] is None
        assert json.loads(walked.stdout)["by_engine"] is False
    assert json.loads(recordings["delegation"].read_text())["tools"]["ask_agent"]["description"]
    runs = [len(read_recording(recordings[name]).runs) for name in ("delegation", "map-reduce")]
    assert runs == [2, 4]


async def test_the_ten_example_goals_write_the_same_journals_without_network(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    goals = yaml.safe_load((PATTERNS.parent / "goals.yaml").read_text())["goals"]
    recordings: list[Recording] = []
    for goal in goals:
        run_id = await served.platform.runs.create(
            "default", NewRun(goal=goal["goal"], language=goal["lang"])
        )
        await served.ended(run_id)
        recordings.append(await served.platform.recordings.record("default", run_id))
    cut_off(monkeypatch)
    for recording in recordings:
        report = await rerun(recording, ReducerLoop())
        assert (report.by_engine, report.difference, report.unproved) == (True, None, 0), report
        assert report.exchanges >= 2
        events = [one.type for one in recording.runs[0].events]
        assert report.events == len(events) - events.count("RunClaimed")
    assert len(recordings) == 10


def changed(recording: Recording, change: Callable[[RecordedEvent], RecordedEvent | None]) -> Recording:
    runs = (
        replace(run, events=tuple(new for one in run.events if (new := change(one)) is not None))
        for run in recording.runs
    )
    return replace(recording, runs=tuple(runs))


async def test_a_prompt_that_is_another_is_named_by_its_exchange_with_the_lines_that_differ(
    served: Served,
) -> None:
    recording = await recorded(served, DELEGATED)

    def reworded(one: RecordedEvent) -> RecordedEvent:
        if one.type != "RunCreated":
            return one
        text = json.dumps(one.payload).replace("You lead a project.", "You lead a small project.")
        return replace(one, payload=json.loads(text))

    found = (await rerun(changed(recording, reworded), ReducerLoop())).difference
    assert found is not None
    assert (found.run_id, found.exchange, found.call_id) == (recording.run_id, 1, "call_1")
    assert "-You lead a project. Ask the specialist" in found.diff
    assert "+You lead a small project. Ask the specialist" in found.diff


async def test_an_exchange_that_is_missing_is_named(served: Served) -> None:
    recording = await recorded(served, DELEGATED)

    def lost(one: RecordedEvent) -> RecordedEvent | None:
        last = one.type == "CallSucceeded" and one.payload["call_id"] == "call_2"
        return None if last else one

    found = (await rerun(changed(recording, lost), ReducerLoop())).difference
    assert found is not None
    assert (found.call_id, found.exchange, found.recorded) == ("call_2", 2, "no outcome")


async def test_an_answer_that_was_tampered_with_is_named_where_it_is_asked_on(served: Served) -> None:
    recording = await recorded(served, DELEGATED)

    def sabotaged(one: RecordedEvent) -> RecordedEvent:
        if one.type != "SubRunEnded":
            return one
        return replace(one, payload=json.loads(json.dumps(one.payload).replace("At nine.", "At ten.")))

    found = (await rerun(changed(recording, sabotaged), ReducerLoop())).difference
    assert found is not None
    assert (found.run_id, found.recorded[:11]) == (recording.run_id, "SubRunEnded")
    assert "At ten." in found.diff


def test_with_a_changed_prompt_the_first_exchange_that_differs_is_shown(
    recordings: dict[str, Path], tmp_path: Path, no_network: None
) -> None:
    other = tmp_path / "lead.yaml"
    other.write_text(LEAD.read_text().replace("You lead a project.", "You lead a small project."))
    file = str(recordings["delegation"])
    done = within.flowmatik("--lang", "en", "runs", "replay", "--recording", file, "--against", str(other))
    assert done.returncode == 1
    assert "Exchange 1 of run" in done.stdout
    assert "\n-You lead a project. Ask the specialist" in done.stdout
    assert "\n+You lead a small project. Ask the specialist" in done.stdout


async def test_a_sub_agents_changed_prompt_is_found_in_the_run_within(served: Served) -> None:
    recording = await recorded(served, DELEGATED)
    text = (PATTERNS / "delegation" / "site-specialist.yaml").read_text()
    other = parse_profile(text.replace("You know the sites.", "You know all."), filename="s.yaml")
    found = replayed(recording, ReducerLoop(), other).difference
    assert found is not None
    assert (found.run_id, found.exchange) == (recording.runs[1].run_id, 1)
    assert "-You know the sites." in found.diff.splitlines()


async def test_another_outcome_than_the_recorded_one_is_named_where_it_is_decided_on(served: Served) -> None:
    recording = await recorded(served, planned("vote"))
    (run,) = recording.runs
    events = tuple(
        replace(one, payload={**one.payload, "reply": {**one.payload["reply"], "text": "Perth"}})
        if one.type == "CallSucceeded" and one.payload["reply"]["text"] == "Canberra"
        else one
        for one in run.events
    )
    report = replayed(replace(recording, runs=(replace(run, events=events),)), ReducerLoop())
    assert report.difference is not None
    assert '"groups":[["a","c"],["b"]]' in report.difference.recorded
    assert '"groups":[["a","b","c"]]' in report.difference.decided


async def test_personal_data_and_secrets_are_replaced_by_the_same_words_everywhere(served: Served) -> None:
    goal = f"Write to {MAIL}, not to bo@example.com, with token={KEY}; {MAIL} waits"
    new = NewRun(goal=goal, agent="project-lead")
    run_id = await served.platform.runs.create("default", new)
    await served.ended(run_id)
    whole = await served.platform.recordings.record("default", run_id, redaction="none")
    hidden = await served.platform.recordings.record("default", run_id)
    secrets = await served.platform.recordings.record("default", run_id, redaction="secrets")
    assert all(value in str(whole) for value in (MAIL, KEY))
    assert (MAIL in str(secrets), KEY in str(secrets)) == (True, False)
    assert not any(value in str(hidden) for value in (MAIL, KEY, "bo@example.com"))
    assert hidden.redacted["email"] == 2
    assert "Write to [email 1], not to [email 2]" in str(hidden.runs[0].requests)
    assert hidden.runs[0].events[0].payload["goal"].endswith("; [email 1] waits")
    for recording in (whole, hidden, secrets):
        assert recording.replays
        assert replayed(recording, ReducerLoop()).difference is None


async def test_a_server_hands_recordings_out_to_its_workspace_alone(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = await served.platform.runs.create("default", planned("vote"))
    await served.ended(run_id)
    file = tmp_path / "it.json"
    code, said = await served.command(capsys, "runs", "record", run_id, "-o", str(file))
    assert (code, said["runs"], said["replays"]) == (0, 1, True)
    assert file.stat().st_mode & 0o077 == 0
    here = await served.platform.recordings.record("default", run_id)
    assert replace(read_recording(file), made_at="") == replace(here, made_at="")
    remote = RemoteBackend(served.url, served.key)
    try:
        far = await remote.recordings.record("default", run_id, redaction="none")
        assert far.run_id == run_id
        with pytest.raises(NotFound):
            await remote.recordings.record("default", "run_none")
    finally:
        await remote.close()
    with pytest.raises(NotFound):
        await served.platform.recordings.record("other", run_id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "flowmatik/recording/9"}, "format"),
        ({"runs": []}, "runs"),
        ({"rums": 1}, "rums"),
        ({"runs": [{"run_id": "r", "events": [{"seq": "x"}]}]}, "runs.0.events.0"),
        (None, "should be an object"),
    ],
)
def test_a_file_that_is_no_recording_says_where_not(
    tmp_path: Path, change: dict[str, Any] | None, said: str
) -> None:
    file = tmp_path / "x.json"
    good: dict[str, Any] = {
        "format": "flowmatik/recording/1",
        "program": "1",
        "made_at": "",
        "runs": [{"run_id": "r", "events": [{"seq": 1, "type": "x", "at": "", "payload": {}}]}],
    }
    file.write_text(json.dumps([good] if change is None else good | change))
    done = within.flowmatik("--json", "runs", "replay", "--recording", str(file))
    error = json.loads(done.stdout or done.stderr)
    assert (done.returncode, error["code"]) == (2, "input.recording")
    assert said in error["message"]


def test_a_replay_is_of_one_thing(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    for words in (), ("run_1", "--recording", str(file)):
        done = within.flowmatik("--json", "runs", "replay", *words)
        assert (done.returncode, json.loads(done.stdout)["code"]) == (2, "input.replay_of")
    done = within.flowmatik("--json", "runs", "replay", "--recording", str(file))
    assert json.loads(done.stdout)["code"] == "not_found.file"
