"""Bad input to the served product, by HTTP and by commands that go through it: a clear problem that
names the value, and nothing lost or left behind."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse
from tests.e2e import cli, documents
from tests.e2e.cli import environment, make_home
from tests.e2e.serving import Server, up
from tests.e2e.within import flowmatik

BROKEN_PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: Night Porter
summary: Watches the door.
role: porter
instructions: Watch the door.
toolz: [calculate]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("bad-requests") / "home", "--no-examples")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with up(home, environment()) as serving:
        yield serving


def said_to_people(home: Path, *arguments: str) -> tuple[int, str]:
    done = flowmatik("--home", str(home), "--lang", "en", *arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def as_json(home: Path, *arguments: str) -> Any:
    return json.loads(flowmatik("--home", str(home), "--json", *arguments).stdout.splitlines()[-1])


def refused(server: Server, path: str, **sent: Any) -> tuple[int, str, str]:
    """Status, code and words of a problem document."""
    answer = server.post(path, **sent)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    return answer.status_code, problem["code"], problem["detail"]


def run_ids(server: Server) -> list[str]:
    return [run["id"] for run in server.get("/v1/runs").json()["items"]]


# --- goals, agents, plans -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '{"goal": "x", "budget_usd": Infinity}',
        '{"goal": "x", "budget_usd": 1e15}',
        '{"goal": "x", "deadline_seconds": 1e300}',
        '{"goal": "x", "deadline_seconds": NaN}',
        '{"goal": "broken \\ud800 text"}',
        '{"goal": "x", "sources": ["\\udfff.md"]}',
    ],
)
def test_figures_and_texts_that_nothing_can_hold_are_refused_and_no_run_is_made(
    server: Server, body: str
) -> None:
    before = run_ids(server)
    status, code, detail = refused(server, "/v1/runs", content=body.encode())
    assert (status // 100, code.partition(".")[0]) == (4, "input"), detail
    assert run_ids(server) == before


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"language": "fr"}, "input.language", ("'fr'", "en, es")),
        ({"sources": ["no-such-file.md"]}, "input.sources", ("'no-such-file.md'", "memory list")),
        ({"goal": "nul\0inside"}, "input.nul", ("goal", "U+0000")),
        ({"sources": ["a\0.md"]}, "input.nul", ("sources", "U+0000")),
    ],
)
def test_what_a_run_cannot_be_bound_to_is_named_and_no_run_is_made(
    server: Server, body: dict[str, Any], code: str, words: tuple[str, ...]
) -> None:
    before = run_ids(server)
    status, found, detail = refused(server, "/v1/runs", json={"goal": "x", **body})
    assert (status, found) == (422, code)
    assert all(word in detail for word in words)
    assert run_ids(server) == before


def test_an_unknown_agent_is_named_with_those_that_there_are_and_no_run_is_made(server: Server) -> None:
    before = run_ids(server)
    status, code, detail = refused(server, "/v1/runs", json={"goal": "x", "agent": "nightporter"})
    assert (status, code) == (404, "not_found.agent")
    assert "'nightporter'" in detail
    assert "researcher" in detail
    assert run_ids(server) == before


@pytest.mark.parametrize(
    ("goal", "words"), [("", "empty"), (" \n\t", "empty"), ("x" * 1_000_000, "1,000,000 characters")]
)
def test_a_goal_of_nothing_or_of_a_million_characters_makes_no_run(
    server: Server, goal: str, words: str
) -> None:
    before = run_ids(server)
    status, code, detail = refused(server, "/v1/runs", json={"goal": goal})
    assert (status, code) == (422, "input.goal")
    assert words in detail
    assert len(detail) < 500, "the goal itself is not repeated"
    assert run_ids(server) == before


def test_a_person_is_told_how_long_a_goal_is_and_how_long_it_may_be(server: Server, home: Path) -> None:
    code, said = said_to_people(home, "run", "x" * 120_000)
    assert code == 2
    assert "120,000 characters" in said
    assert "20,000" in said
    assert "documents" in said


def test_the_longest_goal_that_is_allowed_is_carried_out(server: Server) -> None:
    run_id = server.start_run(("What is the keeper of the lighthouse called? " * 500)[:20_000])
    assert server.at_rest(run_id)["status"] == "succeeded"


def test_an_invalid_profile_is_refused_with_file_and_line_and_the_catalogue_stays(server: Server) -> None:
    before = server.get("/v1/agents").json()
    sent = {"text": BROKEN_PROFILE, "filename": "porter.yaml"}
    status, code, detail = refused(server, "/v1/agents", json=sent)
    assert (status, code) == (422, "input.profile")
    assert "porter.yaml:4:" in detail
    assert "'Night Porter'" in detail
    assert "porter.yaml:8:" in detail
    assert "did you mean tools?" in detail
    assert server.get("/v1/agents").json() == before


def test_a_plan_with_a_cycle_is_refused_by_name_and_the_run_goes_on_with_a_sound_one(tmp_path: Path) -> None:
    """The planning model insists on it, is told why not, and is at last not asked any more."""
    home = make_home(tmp_path / "home", "--no-examples")
    documents.write_good(tmp_path)
    taken = flowmatik("--home", str(home), "memory", "ingest", str(tmp_path / "harbour.txt"))
    assert taken.returncode == 0, taken.stderr
    tasks = [
        {"id": "ask", "objective": "ask", "skill": "documents", "needs": ["check"]},
        {"id": "check", "objective": "check", "skill": "documents", "needs": ["ask"]},
    ]
    with OpenAIServer(Step(text=json.dumps({"tasks": tasks}))) as model:
        env = environment(FLOWMATIK_MODEL_BASE_URL=model.base_url, FLOWMATIK_MODEL="custom/circular")
        goal = "What is the harbour master called?"
        done = flowmatik("--home", str(home), "--json", "run", goal, env=env)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    rejected = [line["data"]["errors"] for line in lines if line["type"] == "flowmatik.PlanRejected"]
    assert rejected
    assert all("ask → check → ask" in str(errors) for errors in rejected)
    told = [call["body"]["messages"] for call in model.calls[1 : len(rejected)]]
    assert all("ask → check → ask" in json.dumps(messages, ensure_ascii=False) for messages in told)
    (adopted,) = [line["data"] for line in lines if line["type"] == "flowmatik.PlanAdopted"]
    assert adopted["planner"] == "local"
    assert lines[-1]["status"] in ("succeeded", "failed"), "it ends, whatever such a model is worth"


# --- the provider -------------------------------------------------------------------------------

SECRET = "sk-of-another-account-4f1d"


@pytest.mark.parametrize(("lang", "words"), [("en", "refuses the API key"), ("es", "rechaza la clave")])
def test_a_key_that_the_provider_refuses_is_named_by_its_setting_and_never_shown(
    tmp_path: Path, lang: str, words: str
) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    with OpenAIServer(Step(), key="the right one") as model:
        env = environment(
            FLOWMATIK_MODEL_BASE_URL=model.base_url,
            FLOWMATIK_MODEL_API_KEY=SECRET,
            FLOWMATIK_MODEL="custom/guarded",
            FLOWMATIK_LOG_LEVEL="debug",
        )
        done = flowmatik("--home", str(home), "--lang", lang, "run", "What is it?", env=env)
    assert done.returncode == 1
    assert words in done.stdout
    assert "FLOWMATIK_MODEL_API_KEY" in done.stdout
    kept = [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert (SECRET in done.stdout + done.stderr, kept) == (False, [])


SPENDING = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: sums
summary: Adds up.
role: sums
instructions: Add up.
tools: [calculate]
"""
CENT = '\n[prices]\n"custom/dear" = { input = 0, output = 10 }\n'  # dollars for a million tokens


def test_the_call_that_would_pass_the_cap_is_not_made_and_what_was_spent_is_told(tmp_path: Path) -> None:
    """Room for one call at its worst, not for the second after what the first one cost."""
    home = make_home(tmp_path / "home", "--no-examples")
    settings = home / "flowmatik.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + CENT, encoding="utf-8")
    (tmp_path / "sums.yaml").write_text(SPENDING, encoding="utf-8")
    applied = flowmatik("--home", str(home), "agents", "apply", str(tmp_path / "sums.yaml"))
    assert applied.returncode == 0, applied.stderr
    use = ToolUse(name="calculate", arguments='{"expression": "2 + 2"}')
    with OpenAIServer(Step(text="", tools=(use,), usage=(1000, 1000))) as model:
        env = environment(FLOWMATIK_MODEL_BASE_URL=model.base_url, FLOWMATIK_MODEL="custom/dear")
        request = ("run", "Add up", "--agent", "sums", "--budget", "0.03")
        done = flowmatik("--home", str(home), "--json", *request, env=env)
        assert len(model.calls) == 1, "the second would pass the cap: it never leaves the house"
    result = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, result["error"]["code"]) == (5, "budget.exhausted")
    assert result["cost"]["usd"] == pytest.approx(0.01)
    assert "of $0.03" in result["error"]["message"]
    assert "larger budget" in result["error"]["message"]


# --- documents ----------------------------------------------------------------------------------


def outcomes(items: list[dict[str, Any]]) -> dict[str, str]:
    return {item["source"]: item["code"] or item["outcome"] for item in items}


def test_bad_documents_of_a_folder_are_reported_and_the_others_ingested(
    server: Server, home: Path, tmp_path: Path
) -> None:
    documents.write_good(tmp_path)
    documents.write_bad(tmp_path)
    os.mkfifo(tmp_path / "pipe.md")
    taken = as_json(home, "memory", "ingest", str(tmp_path))["items"]
    expected = {**dict.fromkeys(documents.GOOD, "added"), **documents.BAD, "pipe.md": "document.irregular"}
    assert outcomes(taken) == expected
    assert all(item["source"] in item["reason"] for item in taken if item["outcome"] == "skipped")
    found = as_json(home, "memory", "search", "Who is the keeper of the lighthouse?")["items"]
    assert any("Orlando" in passage["text"] for passage in found)
    answer = as_json(home, "run", "What is the harbour master called?")["answer"]
    assert "Ximena" in answer["text"]


def test_bad_uploads_are_reported_and_the_others_ingested(server: Server, tmp_path: Path) -> None:
    documents.write_bad(tmp_path)
    (tmp_path / "ferry.md").write_text("# Ferry\n\nThe ferry is called Golondrina.\n", encoding="utf-8")
    files = [("files", (path.name, path.read_bytes())) for path in sorted(tmp_path.iterdir())]
    answer = server.post("/v1/memory/documents", files=files)
    assert answer.status_code == 200, answer.text
    assert outcomes(answer.json()["items"]) == {**documents.BAD, "ferry.md": "added"}
    found = server.get("/v1/memory/search", q="What is the ferry called?").json()["items"]
    assert any("Golondrina" in passage["text"] for passage in found)


def test_a_zip_bomb_in_a_word_document_is_skipped_without_being_unpacked(
    server: Server, tmp_path: Path
) -> None:
    documents.bomb(tmp_path / "great.docx", megabytes=1000)
    before = most_memory(server)
    (item,) = as_json(server.home, "memory", "ingest", str(tmp_path))["items"]
    assert (item["outcome"], item["code"]) == ("skipped", "document.too_large")
    assert "great.docx" in item["reason"]
    assert most_memory(server) - before < 150 * documents.MEBIBYTE


def most_memory(server: Server) -> int:
    """What the server's process has had at its largest, in bytes."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


@pytest.mark.parametrize(
    "name", ["../up.md", "../../up.md", "/etc/up.md", "a/../../up.md", "..\\up.md", ".hidden.md"]
)
def test_an_upload_cannot_leave_its_folder_and_spoils_its_whole_request(
    server: Server, home: Path, name: str
) -> None:
    before = files_of(home.parent)
    files = [("files", ("fine.md", b"Fine.")), ("files", (name, b"Bad."))]
    status, code, detail = refused(server, "/v1/memory/documents", files=files)
    assert (status, code) == (422, "input.path")
    assert repr(name) in detail
    assert files_of(home.parent) == before
    assert not Path("/etc/up.md").exists()


def files_of(folder: Path) -> set[Path]:
    """Without those of SQLite, which come and go."""
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}


# --- processes ----------------------------------------------------------------------------------


def test_a_second_process_on_a_home_is_served_through_the_first(server: Server, home: Path) -> None:
    done = flowmatik("--home", str(home), "--json", "run", "What is the keeper of the lighthouse called?")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    owners = [line["data"]["owner"] for line in lines if line["type"] == "flowmatik.RunClaimed"]
    mine = server.start_run("What is the keeper of the lighthouse called?")
    server.at_rest(mine)
    assert len(owners) == 1
    assert owners[0] in server.events(mine), "both runs were driven by the server's engine"


def test_a_second_server_on_a_home_is_refused_and_the_first_goes_on(server: Server, home: Path) -> None:
    code, said = said_to_people(home, "up", "--port", "0")
    assert code == 6
    assert str(home) in said
    assert "stop" in said
    assert server.get("/health/ready").json()["status"] == "ok"


@pytest.mark.parametrize(("lang", "words"), [("en", "is served already at"), ("es", "ya se sirve en")])
def test_a_second_server_on_a_home_says_where_the_first_one_answers(
    server: Server, home: Path, lang: str, words: str
) -> None:
    done = cli.flowmatik("--home", str(home), "--lang", lang, "up", "--port", "0")
    assert done.returncode == 6
    assert f"{words} {server.url}" in done.stderr
    assert str(server.process.pid) in done.stderr
    assert server.get("/health/live").status_code == 200
