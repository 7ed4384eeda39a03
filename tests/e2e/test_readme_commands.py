"""The commands of both READMEs, extracted and executed as a reader would.

Every ```bash fence is run, in order and in one shell, in an empty folder that stands for the
repository. Left out: quickstart.sh and test.sh (quickstart.sh's own installation is made by `init`
instead) and `flowmatik up`, which is started as a service, asked for its health and stopped.
```sh fences hold what needs a key, and are only compared between the languages.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.cli import REPOSITORY, environment
from tests.unit.house.repository import fences

LEFT_OUT = {"./quickstart.sh", "./test.sh"}
READMES = [("README.md", "en"), ("README.es.md", "es")]


def command_lines(readme: str) -> list[str]:
    page = (REPOSITORY / readme).read_text(encoding="utf-8")
    lines = [line for code in fences(page, "bash") for line in code.splitlines() if line.strip()]
    return [line for line in lines if line not in LEFT_OUT]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the commands expect of the folder they run in."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return folder


def reader(language: str, **extra: str) -> dict[str, str]:
    path = f"{REPOSITORY / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return environment(PATH=path, FLOWMATIK_LANG=language, **extra)


@pytest.mark.parametrize(("readme", "language"), READMES)
def test_the_readmes_commands_work_as_printed(readme: str, language: str, checkout: Path) -> None:
    lines = [line for line in command_lines(readme) if line != "flowmatik up"]
    assert len(lines) >= 8
    steps = ['flowmatik --home "$PWD/flowmatik-home" init', *lines]
    script = "\n".join(["set -euo pipefail", *steps])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env=reader(language),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # The answer about the folder of one's own: the fact that the README itself wrote down.
    assert "8:15" in done.stdout
    assert re.search(r"\boffice\.md\b", done.stdout)


@pytest.mark.parametrize(("readme", "language"), READMES)
def test_the_readmes_service_answers_and_stops_when_asked(readme: str, language: str, checkout: Path) -> None:
    assert "flowmatik up" in command_lines(readme)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shutil.which("flowmatik", path=str(REPOSITORY / ".venv" / "bin")) or ""
    variables = reader(language, FLOWMATIK_HOME=str(checkout / "home"), FLOWMATIK_PORT=str(port))
    made = subprocess.run([program, "init", "--no-examples"], cwd=checkout, env=variables, check=False)
    assert made.returncode == 0
    service = subprocess.Popen(
        [program, "up"], cwd=checkout, env=variables, stderr=subprocess.PIPE, text=True
    )
    try:
        assert _status(f"http://127.0.0.1:{port}/health/ready", service) == 200
    finally:
        service.send_signal(signal.SIGINT)
        _, said = service.communicate(timeout=60)
    assert service.returncode == 0, said
    assert str(port) in said


def _status(url: str, service: subprocess.Popen[str]) -> int:
    """The status once somebody answers at all."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - a loopback address of our own
                return int(reply.status)
        except OSError:
            assert service.poll() is None, "the service ended before it answered"
            assert time.monotonic() < deadline, f"nobody answers at {url}"
            time.sleep(0.1)
