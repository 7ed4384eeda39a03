"""Bad input through the real command line: a clear error, its exit code, and nothing lost."""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
from fpdf import FPDF

from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.e2e import within
from tests.e2e.cli import environment, flowmatik, make_home

KEY = "sk-e2e-wrong-key-8c1f0a9b7d"
NOTE = "# Porch\n\nThe porch lamp is blue. It was bought in 2019.\n"
GOAL = "What colour is the porch lamp?"
PRICES = '\n[prices]\n"custom/priced" = { input = 1000, output = 1000 }\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "notes").mkdir()
    (folder / "notes" / "porch.md").write_text(NOTE)
    make_home(folder / "home", "--no-examples")
    settings = folder / "home" / "flowmatik.toml"
    settings.write_text(settings.read_text() + PRICES)
    took = within.flowmatik("--home", str(folder / "home"), "memory", "ingest", str(folder / "notes"))
    assert took.returncode == 0
    return folder / "home"


def at(home: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return within.flowmatik("--home", str(home), *arguments, env=environment(**variables))


def last(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return line


def served_by(server: OpenAIServer, key: str, model: str = "custom/priced") -> dict[str, str]:
    return {
        "FLOWMATIK_MODEL_BASE_URL": server.base_url,
        "FLOWMATIK_MODEL_API_KEY": key,
        "FLOWMATIK_MODEL": model,
    }


def still_answers(home: Path) -> None:
    done = at(home, "--json", "run", GOAL)
    assert done.returncode == 0, done.stderr
    assert "blue" in last(done)["answer"]["text"]


def test_an_agent_that_does_not_exist_is_named_with_those_that_do(home: Path) -> None:
    done = at(home, "--lang", "en", "run", GOAL, "--agent", "nobody")
    assert done.returncode == 3
    assert "'nobody'" in done.stderr
    assert "researcher" in done.stderr


@pytest.mark.parametrize(
    ("goal", "code", "words"),
    [("  ", "input.goal_missing", "give a goal"), ("why " * 30_000, "input.goal", "120,000 characters")],
)
def test_a_goal_of_nothing_or_far_too_long_is_refused(home: Path, goal: str, code: str, words: str) -> None:
    done = at(home, "--lang", "en", "--json", "run", goal)
    assert (done.returncode, last(done)["code"]) == (2, code)
    assert words in last(done)["message"]


def test_an_invalid_profile_is_refused_with_file_line_and_every_fault(home: Path, tmp_path: Path) -> None:
    profile = tmp_path / "clerk.yaml"
    profile.write_text("apiVersion: flowmatik.dev/v1\nkind: Agent\nmetadata: { name: Clerk }\nrole: 3\n")
    done = at(home, "--lang", "en", "agents", "apply", str(profile))
    assert done.returncode == 2
    assert f"{profile}:4:" in done.stderr
    assert "instructions" in done.stderr
    listed = json.loads(at(home, "--json", "agents", "list").stdout)["items"]
    assert "Clerk" not in {agent["name"] for agent in listed}


def test_bad_documents_are_reported_and_skipped_and_the_good_one_is_taken(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "good.md").write_text("# Shed\n\nThe shed key hangs behind the clock.\n")
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 10)
    with zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"\x20" * (200 << 20))
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    pdf.cell(text="secret")
    pdf.output(str(folder / "locked.pdf"))
    writer = pypdf.PdfWriter(clone_from=str(folder / "locked.pdf"))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(str(folder / "locked.pdf"))
    done = at(home, "--lang", "en", "memory", "ingest", str(folder))
    for name in ("binary.txt", "bomb.docx", "locked.pdf"):
        assert name in done.stdout + done.stderr
    found = at(home, "memory", "search", "shed key clock")
    assert "behind the clock" in found.stdout
    still_answers(home)


def test_an_empty_query_is_refused_as_by_the_api(home: Path) -> None:
    for query in ("", "  "):
        done = at(home, "--json", "memory", "search", query)
        assert (done.returncode, last(done)["code"]) == (2, "input.query_empty")


def test_an_empty_folder_of_documents_is_said_to_be_empty(home: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = at(home, "--lang", "en", "--json", "run", GOAL, "--docs", str(tmp_path / "nothing"))
    assert (done.returncode, last(done)["code"]) == (1, "document.nothing")
    assert "above" not in done.stderr


def test_a_key_that_the_provider_refuses_fails_the_run_and_is_never_shown(home: Path) -> None:
    with OpenAIServer(Step(), key="the right one") as server:
        done = at(home, "--lang", "en", "--json", "run", GOAL, **served_by(server, KEY))
        shown = at(home, "--json", "runs", "show", last(done)["run_id"])
        assert len(server.calls) == 1, "once for the plan, and never again in vain"
    assert (done.returncode, last(done)["error"]["code"]) == (1, "model.key")
    assert "refused the API key" in last(done)["error"]["message"]
    assert KEY not in done.stdout + done.stderr + shown.stdout + shown.stderr
    still_answers(home)


def test_a_call_that_could_pass_the_budget_is_never_made(home: Path) -> None:
    with OpenAIServer(Step()) as server:
        done = at(home, "--json", "run", GOAL, "--budget", "0.01", **served_by(server, ""))
        assert len(server.calls) == 0
    assert (done.returncode, last(done)["error"]["code"]) == (5, "budget.exhausted")
    assert last(done)["cost"]["usd"] == 0


def test_a_call_that_could_pass_the_cap_of_the_month_is_never_made(home: Path) -> None:
    with OpenAIServer(Step()) as server:
        variables = served_by(server, "") | {"FLOWMATIK_MONTH_BUDGET": "0.01"}
        done = at(home, "--lang", "en", "--json", "run", GOAL, **variables)
        assert len(server.calls) == 0
    assert (done.returncode, last(done)["error"]["code"]) == (5, "budget.exhausted")
    still_answers(home)


def test_a_price_that_nobody_knows_is_not_paid_under_a_cap(home: Path) -> None:
    with OpenAIServer(Step()) as server:
        variables = served_by(server, "", "custom/unheard-of")
        done = at(home, "--json", "run", GOAL, "--budget", "5", **variables)
        assert len(server.calls) == 0
    assert (done.returncode, last(done)["error"]["code"]) == (5, "budget.exhausted")


@pytest.mark.parametrize("verb", [("runs", "list"), ("run", GOAL), ("up", "--port", "0"), ("migrate",)])
def test_a_damaged_journal_is_told_with_what_helps(tmp_path: Path, verb: tuple[str, ...]) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    (home / ".flowmatik" / "journal.db").write_bytes(b"this was a database once " * 400)
    done = flowmatik("--home", str(home), "--lang", "en", *verb)
    assert (done.returncode, "[unavailable.damaged]" in done.stderr) == (6, True), done.stderr
    assert "put back a backup" in done.stderr
    assert "Free the disk" not in done.stderr


def test_the_name_of_a_file_cannot_break_a_line_or_steer_the_terminal(home: Path, tmp_path: Path) -> None:
    odd = "two\nlines\x1b[31m\u202e.md"
    (tmp_path / odd).write_text("The gate is yellow.", encoding="utf-8")
    (tmp_path / f"bad {odd}").write_bytes(b"\x00\x01" * 50)
    shown = at(home, "memory", "ingest", str(tmp_path)).stderr
    shown += at(home, "memory", "search", "What colour is the gate?").stdout
    shown += at(home, "memory", "list").stdout
    assert shown.count("two\\nlines\\x1b[31m\\u202e.md") == 3, shown
    assert "two\n" not in shown
    assert "\x1b" not in shown
