"""Skills of one's own, as an author meets them: the guide's commands, faults, and no sandbox."""

import json
import os
import subprocess
from pathlib import Path

from tests.e2e.cli import REPOSITORY, environment, flowmatik, make_home
from tests.unit.house.repository import fences

GUIDES = REPOSITORY / "docs" / "guides"


def commands(guide: str) -> list[str]:
    page = (GUIDES / guide).read_text(encoding="utf-8")
    return [line for code in fences(page, "bash") for line in code.splitlines() if "flowmatik " in line]


def test_both_guides_give_the_same_commands() -> None:
    assert len(commands("skills.md")) >= 8
    assert commands("skills.md") == commands("skills.es.md")


def test_the_guides_commands_work_as_printed(tmp_path: Path) -> None:
    """Those of the Spanish one, with its own texts: the commands are the same, as is said above."""
    page = (GUIDES / "skills.es.md").read_text(encoding="utf-8")
    path = f"{REPOSITORY / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -euo pipefail", *fences(page, "bash")])],
        cwd=tmp_path,
        env=environment(PATH=path, FLOWMATIK_LANG="es", FLOWMATIK_EMBEDDINGS="false"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '{"gross":121.0}' in done.stdout
    assert '"status":"succeeded"' in done.stdout
    assert "✓ test_text_length.py::test_it_counts_words_and_characters" in done.stdout


def test_faults_are_told_with_file_and_line_and_break_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    (home / "skills" / "torn").mkdir(parents=True)
    (home / "skills" / "torn" / "SKILL.md").write_text("---\nname: torn\n---\nDo it.\n")
    (home / "skills" / "torn" / "torn.py").write_text("import nothing_of_that_name\n")
    at = ["--home", str(home)]
    checked = flowmatik(*at, "skills", "validate")
    assert checked.returncode == 2
    assert "skills/torn/SKILL.md:1: description: is missing; add it" in checked.stderr
    assert "skills/torn/torn.py:1: cannot be loaded («ModuleNotFoundError: No module" in checked.stderr
    listed = flowmatik(*at, "--json", "skills", "list")
    assert listed.returncode == 0, listed.stderr
    (folder,) = json.loads(listed.stdout)["items"]
    assert [fault["code"] for fault in folder["faults"]] == ["skill.missing", "skill.import"]
    doctor = flowmatik(*at, "--json", "--lang", "es", "doctor", env=environment(FLOWMATIK_EMBEDDINGS="false"))
    found = {item["check"]: item for item in json.loads(doctor.stdout)["items"]}
    assert (found["skills"]["ok"], found["sandbox"]["ok"]) == (False, True)
    assert "falta; añádelo" in found["skills"]["detail"]
    assert flowmatik(*at, "skills", "show", "none").returncode == 3


def test_the_doctor_says_that_code_cannot_be_run_where_there_is_no_sandbox(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    env = environment(FLOWMATIK_TOOLS_CODE="true", FLOWMATIK_EMBEDDINGS="false", PATH=str(tmp_path))
    doctor = flowmatik("--home", str(home), "--json", "doctor", env=env)
    found = {item["check"]: item for item in json.loads(doctor.stdout)["items"]}
    assert doctor.returncode == 6
    assert "install bubblewrap" in found["sandbox"]["detail"]
