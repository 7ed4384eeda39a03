"""Runs the real command line in a process of its own."""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "flowmatik"]
NEW = ".new"  # of a home that is being made
PATIENCE_SECONDS = 280.0  # of two cores that many share; a test has 300


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without its FLOWMATIK_* variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLOWMATIK_")}
    return {**kept, "LC_ALL": "C.UTF-8", **extra}


def flowmatik(
    *arguments: str, env: dict[str, str] | None = None, timeout: float = PATIENCE_SECONDS
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
    """An installation, with the example company unless the options say otherwise: a copy of one that
    `flowmatik init` made once in this run of the tests. Who tests `init` itself calls that."""
    prepared = _prepared(options)
    shutil.copytree(prepared, home)
    first = f"{prepared}{NEW}"
    with closing(sqlite3.connect(home / ".flowmatik" / "memory.db")) as memory, memory:
        memory.execute(
            "UPDATE memory_documents SET path = ? || substr(path, ?) WHERE path LIKE ? || '/%'",
            (str(home), len(first) + 1, first),
        )
    return home


def _prepared(options: tuple[str, ...]) -> Path:
    """By whichever process asks first; the others wait for it."""
    folder = Path(os.environ["HOMES_OF_TESTS"])
    name = hashlib.sha256(" ".join(options).encode()).hexdigest()[:16]
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            made = flowmatik("--home", str(folder / f"{name}{NEW}"), "init", *options)
            assert made.returncode == 0, made.stderr
            (folder / f"{name}{NEW}").rename(folder / name)
    return folder / name


def run_goal(
    home: Path, goal: str, *options: str, program: Callable[..., Any] = flowmatik
) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    """Exit code, the result line, and the events before it."""
    done = program("--home", str(home), "--json", "run", goal, *options)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    assert lines, f"exit {done.returncode}: {done.stderr}"
    assert lines[-1].get("type") == "result", done.stdout[-2000:] + done.stderr
    return done.returncode, lines[-1], lines[:-1]
