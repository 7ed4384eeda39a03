"""The playbooks of `examples/` run through the command line, offline, over the example documents."""

import json
from pathlib import Path

import pytest

from flowmatik.app.cli.main import run_cli
from tests.unit.house.repository import ROOT

PLAYBOOKS = ROOT / "examples" / "playbooks"


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    files = [str(file) for file in sorted(PLAYBOOKS.glob("*.yaml"))]
    assert len(files) == 2
    assert run_cli(["playbooks", "validate", *files]) == 0
    assert run_cli(["--home", str(tmp_path), "playbooks", "apply", *files]) == 0
    data = [str(ROOT / "examples" / name) for name in ("handbook", "data")]
    assert run_cli(["--home", str(tmp_path), "memory", "ingest", *data]) == 0
    capsys.readouterr()
    return tmp_path


def answered(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    """The tasks that the run had, and its answer."""
    assert run_cli(["--home", str(home), "--json", *words]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (adopted,) = [line["data"] for line in lines if line.get("type") == "flowmatik.PlanAdopted"]
    assert adopted["planner"] == "playbook"
    return [task["id"] for task in adopted["tasks"]], lines[-1]["answer"]["text"]


def test_the_examples_answer_by_name_and_by_their_goals(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--playbook", "model-briefing", "--param", "model=Mula"]
    tasks, answer = answered(home, capsys, *run)
    assert tasks == ["ask-1", "count", "briefing"]
    assert "56" in answer
    tasks, _ = answered(home, capsys, *run, "--param", "orders=no")
    assert tasks == ["ask-1", "briefing"]
    tasks, answer = answered(home, capsys, "run", "Prepara el informe de tickets de severidad S3")
    assert tasks == ["contar", "manual", "detalle", "informe"]
    assert "105" in answer


def test_a_wrong_parameter_is_refused_before_there_is_a_run(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [
        "--home",
        str(home),
        "--lang",
        "es",
        "run",
        "--playbook",
        "model-briefing",
        "--param",
        "modl=Mula",
    ]
    assert run_cli(line) == 2
    assert "¿querías decir 'model'?" in capsys.readouterr().err
    assert run_cli(["--home", str(home), "--json", "runs", "list"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == []
    assert run_cli(["--home", str(home), "playbooks", "remove", "model-briefing"]) == 0
    assert run_cli(["--home", str(home), "playbooks", "show", "model-briefing"]) == 3
    assert run_cli(["--home", str(home), "cases", "list"]) == 0
