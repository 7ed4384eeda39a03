"""The newcomer's hour: the commands of the guide, in the order in which they stand."""

import os
import re
import subprocess

import pytest

from tests.e2e.cli import REPOSITORY, environment
from tests.unit.house.repository import fences

GUIDES = REPOSITORY / "docs" / "guides"


def commands(guide: str) -> list[str]:
    """Without what is said in the language of the page."""
    page = (GUIDES / guide).read_text(encoding="utf-8")
    lines = [line for code in fences(page, "bash") for line in code.splitlines()]
    return [re.sub(r'"[^"]*"', "TEXT", line) for line in lines if line.startswith("flowmatik ")]


def test_both_pages_lead_the_same_way() -> None:
    assert len(commands("first-agent.md")) >= 18
    assert commands("first-agent.md") == commands("first-agent.es.md")


@pytest.mark.parametrize("language", ["es", "en"])
def test_from_an_empty_folder_to_an_agent_with_a_skill_a_playbook_and_an_evaluation(
    language: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    guide = "first-agent.md" if language == "en" else "first-agent.es.md"
    page = (GUIDES / guide).read_text(encoding="utf-8")
    path = f"{REPOSITORY / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -euo pipefail", *fences(page, "bash")])],
        cwd=tmp_path_factory.mktemp("hour"),
        env=environment(PATH=path, FLOWMATIK_LANG=language, FLOWMATIK_EMBEDDINGS="false"),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("19:30") >= 2
    assert '{"euros":48}' in done.stdout
    assert '"euros":90' in done.stdout
    assert "max_characters" in done.stdout
