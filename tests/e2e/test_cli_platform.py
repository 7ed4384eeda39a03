"""The command line on a home of its own: set up, ask, look, replay, serve, share."""

import hashlib
import json
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.e2e import within
from tests.e2e.cli import PROGRAM, REPOSITORY, environment, flowmatik, make_home
from tests.e2e.serving import Server, up

SCHEMA = json.loads((REPOSITORY / "schemas" / "run-output.schema.json").read_text(encoding="utf-8"))
GOAL = "What colour is the door of the north office?"
NOTE = "# North office\n\nThe door of the north office is green. The desk was made in 1987.\n"


def at(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return within.flowmatik("--home", str(home), *arguments)


def as_json(home: Path, *arguments: str) -> Any:
    done = at(home, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def asked(home: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = at(home, "--json", "run", *arguments)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("platform")
    note = folder / "notes" / "north.md"
    note.parent.mkdir()
    note.write_text(NOTE)
    made = make_home(folder / "home", "--no-examples")
    assert at(made, "memory", "ingest", str(note.parent)).returncode == 0
    return made


@pytest.fixture(scope="module")
def run_id(home: Path) -> str:
    code, lines = asked(home, GOAL)
    assert code == 0
    return str(lines[-1]["run_id"])


def fingerprint(home: Path) -> dict[str, str]:
    files = (path for path in home.rglob("*") if path.is_file() and path.suffix in ("", ".toml", ".jwk"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_init_makes_a_private_home_and_tells_the_password_once(tmp_path: Path) -> None:
    home = tmp_path / "new"
    first = flowmatik("--home", str(home), "--json", "init", "--no-examples", "--show-password")
    told = json.loads(first.stdout)
    assert told["password"] in first.stderr
    assert stat.S_IMODE((home / ".flowmatik").stat().st_mode) == 0o700
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in (home / ".flowmatik").rglob("*"))
    before = fingerprint(home)
    again = flowmatik("--home", str(home), "--json", "init", "--no-examples", "--show-password")
    assert again.returncode == 0
    assert "password" not in json.loads(again.stdout)
    assert fingerprint(home) == before


@pytest.mark.parametrize("options", [(), ("--no-examples",)])
def test_init_and_an_empty_list_recommend_what_works_in_that_home(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    home = tmp_path / "my home"
    plain = environment(FLOWMATIK_EMBEDDINGS="false")  # they take long, and say nothing here
    said = flowmatik("--home", str(home), "--lang", "en", "init", *options, env=plain).stderr
    assert ("--quickstart" in said) is (options == ())
    assert f"--home '{home}'" in said
    assert "--quickstart" not in at(home, "runs", "list").stderr


def test_the_password_is_not_in_the_json_unless_asked_for(tmp_path: Path) -> None:
    done = at(tmp_path / "new", "--json", "init", "--no-examples", "--no-detect")
    assert set(json.loads(done.stdout)) == {"home", "created", "documents"}


def test_a_run_prints_its_events_and_its_result_as_the_schema_says(home: Path) -> None:
    done = flowmatik("--home", str(home), "--json", "run", GOAL)
    code, lines = done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in lines:
        validator.validate(line)  # pyright: ignore[reportUnknownMemberType]  # untyped library
    events, result = lines[:-1], lines[-1]
    assert code == 0
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert result["answer"]["found"] is True
    assert "green" in result["answer"]["text"]
    (citation, *_) = result["answer"]["citations"]
    assert citation["quote"] in NOTE
    assert citation["lines"] == [3, 3]
    assert result["cost"]["usd"] == 0


def test_what_the_documents_do_not_hold_is_a_success_that_was_not_found(home: Path) -> None:
    code, lines = asked(home, "What was the average rainfall in Bilbao in 1911?")
    assert (code, lines[-1]["status"]) == (0, "succeeded")
    assert lines[-1]["answer"]["found"] is False
    assert lines[-1]["answer"]["citations"] == []


def test_people_get_the_answer_on_stdout_and_the_progress_on_stderr(home: Path) -> None:
    done = at(home, "run", GOAL, "--lang", "es")
    assert "green" in done.stdout
    assert re.search(r"\[1\] \S*north\.md, línea 3: «", done.stdout)
    assert "researcher (hecha)" in done.stderr
    assert "modelo local" in done.stderr


def test_a_budget_of_zero_permits_the_free_model(home: Path) -> None:
    assert asked(home, GOAL, "--budget", "0")[0] == 0


def test_documents_given_with_a_run_are_read_first(home: Path, tmp_path: Path) -> None:
    (tmp_path / "cats.md").write_text("# Cats\n\nThe cat of the harbour master is called Mistral.\n")
    code, lines = asked(home, "What is the cat of the harbour master called?", "--docs", str(tmp_path))
    assert code == 0
    assert "Mistral" in lines[-1]["answer"]["text"]


def test_a_run_with_documents_answers_from_them_and_cites_no_other(home: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "harbour.md").write_text("# Harbour\n\nThe lighthouse was painted blue in 1960.\n")
    (tmp_path / "first" / "boats.csv").write_text("boat,tons\nLigia,10\nOrca,30\n")
    (tmp_path / "second" / "harbour.md").write_text("# Harbour\n\nThe lighthouse was painted red in 1990.\n")
    (tmp_path / "second" / "boats.csv").write_text("boat,tons\nTaina,500\n")
    painted = "What colour was the lighthouse painted?"
    for folder, colour in (("first", "blue"), ("second", "red"), ("first", "blue")):  # the last one unchanged
        code, lines = asked(home, painted, "--docs", str(tmp_path / folder))
        answer = lines[-1]["answer"]
        assert (code, answer["found"]) == (0, True)
        assert colour in answer["text"]
        assert all(colour in citation["quote"] for citation in answer["citations"])
    _, lines = asked(home, "What is the total of tons in boats?", "--docs", str(tmp_path / "first"))
    assert "40" in lines[-1]["answer"]["text"]
    code, lines = asked(home, GOAL, "--docs", str(tmp_path / "first"))  # only another document knows that
    assert (code, lines[-1]["answer"]["found"], lines[-1]["answer"]["citations"]) == (0, False, [])


def test_a_run_with_documents_of_which_none_can_be_read_does_not_start(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"\x00\x01\x02\xff" * 50)
    done = at(home, "run", GOAL, "--docs", str(tmp_path / "x.md"), "--lang", "es")
    assert done.returncode == 1
    assert "Omitido x.md: no es texto" in done.stderr
    assert "[document.none]" in done.stderr
    assert "run_" not in done.stdout


def test_a_submitted_run_is_carried_out_by_resume(home: Path) -> None:
    code, lines = asked(home, GOAL, "--no-follow")
    assert (code, lines[-1]["answer"]) == (0, None)
    done = at(home, "--json", "runs", "resume", lines[-1]["run_id"])
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "succeeded"


def test_a_run_can_be_listed_shown_and_replayed(home: Path, run_id: str) -> None:
    listed = as_json(home, "runs", "list", "--limit", "1")
    assert len(listed["items"]) == 1
    shown = as_json(home, "runs", "show", run_id)
    assert (shown["id"], shown["goal"], shown["status"]) == (run_id, GOAL, "succeeded")
    logged = as_json(home, "runs", "logs", run_id)
    assert logged["items"][0]["type"] == "flowmatik.RunCreated"
    replayed = as_json(home, "runs", "replay", run_id)
    assert replayed["differences"] == []
    assert replayed["decisions"] > 0
    assert GOAL in at(home, "runs", "show", run_id).stdout


def test_why_a_run_went_as_it_did_is_shown_to_whoever_asks(home: Path, run_id: str) -> None:
    declined, chosen = "no playbook", "→ researcher:"
    plain = at(home, "--lang", "en", "runs", "show", run_id).stdout
    why = at(home, "--lang", "en", "runs", "show", run_id, "--why").stdout
    assert [one in plain for one in (declined, chosen)] == [False, False]
    assert [one in why for one in (declined, chosen)] == [True, True], why


@pytest.mark.parametrize("verb", ["show", "logs", "cancel", "resume", "replay"])
def test_a_run_that_is_not_there_ends_with_3(home: Path, verb: str) -> None:
    done = at(home, "runs", verb, "run_nowhere")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_has_ended_cannot_be_cancelled(home: Path, run_id: str) -> None:
    done = at(home, "runs", "cancel", run_id)
    assert (done.returncode, "conflict.run_ended" in done.stderr) == (1, True)


def test_agents_are_listed_shown_and_checked(home: Path, tmp_path: Path) -> None:
    names = [agent["name"] for agent in as_json(home, "agents", "list")["items"]]
    assert "researcher" in names
    assert as_json(home, "agents", "show", "researcher")["role"] == "researcher"
    bad = tmp_path / "bad.yaml"
    bad.write_text("kind: Agent\n")
    for verb in ("validate", "apply"):
        done = at(home, "agents", verb, str(bad))
        assert done.returncode == 2
        assert "bad.yaml" in done.stderr
    assert at(home, "agents", "show", "nobody").returncode == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x7fELF\x02\x01\x01\0\xff\xfe", "(byte 9)"),
        (b"kind: Agent\nrole: a\0b\n", "odd.yaml:2:8: the character U+0000"),
        (b"skills: [&s one]\nguardrails:\n  - *s\n", "odd.yaml:3:5: guardrails.0: is a reference"),
    ],
)
def test_a_file_that_is_no_profile_is_wrong_usage_and_not_a_file_that_is_missing(
    home: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    done = at(home, "--lang", "en", "agents", "validate", str(file))
    assert done.returncode == 2
    assert words in done.stderr
    assert at(home, "agents", "validate", str(tmp_path / "none.yaml")).returncode == 3


CLERK = """\
# keeps the books
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
summary: Keeps the books.
role: clerk
instructions: Add up.
tools: [calculate]
model: openai/gpt-6-luna
"""


def test_an_agent_is_applied_shown_as_it_was_written_and_removed(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "clerk.yaml"
    file.write_text(CLERK)
    for verb in ("validate", "apply"):
        done = at(home, "agents", verb, str(file))
        assert done.returncode == 0, done.stderr
        assert "openai of the model openai/gpt-6-luna is not configured" in done.stderr
    assert at(home, "agents", "show", "clerk").stdout == CLERK
    removed = at(home, "agents", "remove", "clerk")
    assert (removed.returncode, "retired" in removed.stderr) == (0, True)
    assert at(home, "run", "Add up", "--agent", "clerk").returncode == 3
    assert at(home, "agents", "remove", "clerk").returncode == 3
    refused = at(home, "agents", "remove", "writer")
    assert (refused.returncode, "conflict.shipped_agent" in refused.stderr) == (1, True)


def test_memory_is_searched_and_counted(home: Path) -> None:
    found = as_json(home, "memory", "search", "colour of the door")["items"]
    assert any("green" in passage["text"] for passage in found)
    assert as_json(home, "memory", "status")["documents"] >= 1


def test_two_runs_on_one_home_at_once_both_succeed(home: Path) -> None:
    command = [*PROGRAM, "--home", str(home), "--json", "run", GOAL]
    both = [
        subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for one in both:
        out, err = one.communicate(timeout=280)
        assert one.returncode == 0, err
        lines = [json.loads(line) for line in out.splitlines()]
        assert lines[-1]["status"] == "succeeded"
        assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))


@pytest.fixture
def service(home: Path) -> Iterator[Server]:
    with up(home, environment()) as server:
        yield server


def test_commands_go_through_a_server_that_has_the_home_and_it_stops_cleanly(
    home: Path, service: Server, tmp_path: Path
) -> None:
    url = service.url
    code, lines = asked(home, GOAL)
    assert (code, lines[-1]["status"]) == (0, "succeeded")
    assert as_json(home, "runs", "replay", lines[-1]["run_id"])["differences"] == []
    assert as_json(home, "memory", "status")["documents"] >= 1
    assert at(home, "agents", "show", "nobody").returncode == 3
    token = (home / ".flowmatik" / "keys" / "local-token").read_text().strip()
    assert httpx.get(f"{url}/metrics", timeout=60).status_code == 401
    metrics = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=60).text
    assert 'flowmatik_runs_ended_total{status="succeeded"} 1.0' in metrics
    assert httpx.get(f"{url}/health/ready", timeout=60).json()["status"] == "ok"
    by_address = at(home, "--url", url, "--api-key", token, "--json", "runs", "list", "--limit", "1")
    assert json.loads(by_address.stdout)["items"][0]["id"] == lines[-1]["run_id"]
    (tmp_path / "boats").mkdir()
    (tmp_path / "boats" / "pilot.md").write_text("The pilot boat is called Ligia.\n")
    sent = at(home, "--url", url, "--api-key", token, "--json", "memory", "ingest", str(tmp_path / "boats"))
    assert [(i["source"], i["outcome"]) for i in json.loads(sent.stdout)["items"]] == [("pilot.md", "added")]
    (tmp_path / "clerk.yaml").write_text(CLERK)
    served = ("--url", url, "--api-key", token, "agents")
    assert at(home, *served, "apply", str(tmp_path / "clerk.yaml")).returncode == 0
    assert at(home, *served, "show", "clerk").stdout == CLERK
    assert [at(home, *served, "remove", "clerk").returncode for _ in range(2)] == [0, 3]
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0, service.said()
    assert as_json(home, "runs", "show", lines[-1]["run_id"])["status"] == "succeeded"


@pytest.mark.parametrize("by_address", [False, True])
def test_documents_given_with_a_run_bind_it_through_a_server_too(
    home: Path, service: Server, tmp_path: Path, by_address: bool
) -> None:
    token = (home / ".flowmatik" / "keys" / "local-token").read_text().strip()
    options = ["--url", service.url, "--api-key", token] if by_address else []
    (tmp_path / "docs" / "coast").mkdir(parents=True)
    (tmp_path / "docs" / "coast" / "pier.md").write_text("# Pier\n\nThe pier is 40 metres long.\n")
    (tmp_path / "docs" / "quay.md").write_text("# Quay\n\nThe quay was built by Ada Bell.\n")
    for goal, found in (("How long is the pier?", True), (GOAL, False)):  # the second time unchanged
        done = at(home, *options, "--json", "run", goal, "--docs", str(tmp_path / "docs"))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0, done.stderr
        sources = lines[0]["data"]["sources"]
        assert [Path(source).name for source in sources] == ["pier.md", "quay.md"]
        answer = lines[-1]["answer"]
        assert answer["found"] is found
        assert {citation["source"] for citation in answer["citations"]} <= set(sources)


def test_a_wrong_key_is_refused(home: Path, service: Server) -> None:
    done = at(home, "--url", service.url, "--api-key", "fmk_wrong", "runs", "list")
    assert (done.returncode, "[auth." in done.stderr) == (1, True)
