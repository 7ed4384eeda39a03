"""Runs the real command line in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "flowmatik"]


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without its FLOWMATIK_* variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLOWMATIK_")}
    return {**kept, "LC_ALL": "C.UTF-8", **extra}


def flowmatik(
    *arguments: str, env: dict[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def make_home(home: Path, *options: str) -> Path:
    """An installation, with the example company unless the options say otherwise."""
    made = flowmatik("--home", str(home), "init", *options)
    assert made.returncode == 0, made.stderr
    return home


def run_goal(home: Path, goal: str, *options: str) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    """Exit code, the result line, and the events before it."""
    done = flowmatik("--home", str(home), "--json", "run", goal, *options)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    assert lines, f"exit {done.returncode}: {done.stderr}"
    assert lines[-1].get("type") == "result", done.stdout[-2000:] + done.stderr
    return done.returncode, lines[-1], lines[:-1]
