"""The scripts that a stranger meets first."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.house.repository import ROOT

SCRIPTS = [ROOT / "quickstart.sh", ROOT / "test.sh", ROOT / ".ci/run", *sorted(ROOT.glob("scripts/*.sh"))]


def bash(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_started_and_stop_at_the_first_fault(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert bash("bash", "-n", script).returncode == 0
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text or "exec ./test.sh" in text


def test_ci_runs_the_test_script_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) == 1
    assert lines[0].endswith("&& exec ./test.sh")


def test_hooks_call_recipes_that_exist() -> None:
    recipes = set(bash(ROOT / ".venv/bin/just", "--summary").stdout.split())
    config: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    entries = [hook["entry"] for hook in config["repos"][0]["hooks"]]
    assert entries
    for entry in entries:
        program, recipe = entry.split()
        assert program == ".venv/bin/just"
        assert recipe in recipes


def test_the_recipes_that_the_guide_names_exist() -> None:
    recipes = set(bash(ROOT / ".venv/bin/just", "--summary").stdout.split())
    guide = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`just ([a-z-]+)", guide))
    assert named
    assert named <= recipes
    assert len(guide.splitlines()) < 100


@pytest.mark.parametrize(
    ("arguments", "locale", "expected"),
    [
        (["--help"], "en_IE.UTF-8", "Usage:"),
        (["--help"], "es_ES.UTF-8", "Uso:"),
        (["--help"], "C", "Usage:"),
        (["--help", "--lang", "es"], "en_IE.UTF-8", "Uso:"),
        (["--lang=en", "--help"], "es_ES.UTF-8", "Usage:"),
    ],
)
def test_quickstart_speaks_the_persons_language(arguments: list[str], locale: str, expected: str) -> None:
    outcome = bash("./quickstart.sh", *arguments, LC_ALL=locale)
    assert outcome.returncode == 0
    assert outcome.stdout.startswith(expected)


@pytest.mark.parametrize(
    ("arguments", "named"), [(["--fast"], "--fast"), (["--lang", "fr"], "fr"), (["--dir"], "--dir")]
)
def test_quickstart_refuses_what_it_does_not_understand(arguments: list[str], named: str) -> None:
    outcome = bash("./quickstart.sh", *arguments, LC_ALL="C")
    assert outcome.returncode == 2
    assert named in outcome.stderr
    assert "--help" in outcome.stderr


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "needs Python 3.11"), ("es", "necesita Python 3.11")]
)
def test_a_machine_with_an_old_python_is_told_so(tmp_path: Path, language: str, expected: str) -> None:
    old = tmp_path / "python3"
    script = '#!/bin/sh\ncase "$2" in *platform*) echo 3.9.2; exit 0;; *) exit 1;; esac\n'
    old.write_text(script, encoding="utf-8")
    old.chmod(0o755)
    for tool in ("bash", "env"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    outcome = bash("scripts/find-python.sh", language, PATH=str(tmp_path))
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert expected in outcome.stderr
    assert "python3 (3.9.2)" in outcome.stderr


def test_an_unknown_lock_is_a_usage_error() -> None:
    outcome = bash("scripts/venv.sh", "tset")
    assert outcome.returncode == 2
    assert "'tset'" in outcome.stderr
