"""Logging in to a served API with a password, and calling it afterwards without a key."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cli import PROGRAM, environment, flowmatik
from tests.e2e.serving import up


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    url: str
    password: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("login") / "home"
    made = flowmatik("--home", str(home), "--json", "init", "--no-examples", "--show-password")
    with up(home, environment()) as running:
        yield Served(url=running.url, password=json.loads(made.stdout)["password"])


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    return environment(XDG_CONFIG_HOME=str(tmp_path / "config"))


def call(config: dict[str, str], *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=config,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_after_a_login_calls_need_no_key_and_after_a_logout_they_do(
    server: Served, config: dict[str, str]
) -> None:
    before = call(config, "--url", server.url, "runs", "list")
    assert (before.returncode, "flowmatik login --url" in before.stderr) == (2, True)
    made = call(config, "login", "--url", server.url + "/", "--json", typed=server.password + "\n")
    assert made.returncode == 0, made.stderr
    assert set(json.loads(made.stdout)) == {"url", "username", "expires_at"}
    file = Path(config["XDG_CONFIG_HOME"]) / "flowmatik" / "logins.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    token = json.loads(file.read_text())[server.url]["token"]
    assert token not in made.stdout + made.stderr
    assert server.password not in file.read_text() + made.stdout + made.stderr
    listed = call(config, "--url", server.url, "--json", "runs", "list")
    assert listed.returncode == 0
    assert json.loads(listed.stdout) == {"items": [], "next": None, "currency": "USD"}
    by_variable = call({**config, "FLOWMATIK_URL": server.url}, "agents", "list")
    assert "researcher" in by_variable.stdout
    gone = call(config, "logout", "--url", server.url)
    assert (gone.returncode, "Logged out" in gone.stderr) == (0, True)
    assert call(config, "--url", server.url, "runs", "list").returncode == 2
    assert "no login" in call(config, "logout").stderr


def test_a_key_that_is_given_counts_more_than_the_login(server: Served, config: dict[str, str]) -> None:
    assert call(config, "login", "--url", server.url, typed=server.password).returncode == 0
    done = call(config, "--url", server.url, "--api-key", "fmk_wrong", "runs", "list")
    assert (done.returncode, "[auth.invalid]" in done.stderr) == (1, True)


@pytest.mark.parametrize("typed", ["wrong\n", "\n", ""])
def test_a_wrong_password_leaves_no_login(server: Served, config: dict[str, str], typed: str) -> None:
    done = call(config, "login", "--url", server.url, "--lang", "es", typed=typed)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert not (Path(config["XDG_CONFIG_HOME"]) / "flowmatik").exists()


def test_a_login_that_has_expired_is_said_before_the_server_is_asked(
    server: Served, config: dict[str, str]
) -> None:
    assert call(config, "login", "--url", server.url, typed=server.password).returncode == 0
    file = Path(config["XDG_CONFIG_HOME"]) / "flowmatik" / "logins.json"
    logins = json.loads(file.read_text())
    logins[server.url]["expires_at"] = "2020-01-01T00:00:00+00:00"
    file.write_text(json.dumps(logins))
    done = call(config, "--url", server.url, "runs", "list", "--lang", "es")
    assert done.returncode == 1
    assert "la sesión de" in done.stderr
    assert "[auth.login_expired]" in done.stderr


@pytest.mark.parametrize(("url", "code"), [("", 2), ("nonsense", 2), ("http://127.0.0.1:9", 6)])
def test_a_server_that_is_not_there_is_said_clearly(url: str, code: int, config: dict[str, str]) -> None:
    options = ["--url", url] if url else []
    done = call(config, "login", *options, typed="x\n")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_on_a_terminal_the_password_is_asked_for_and_not_shown(
    server: Served, config: dict[str, str]
) -> None:
    code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    terminal = subprocess.Popen(
        [sys.executable, "-c", code, *PROGRAM, "login", "--url", server.url, "--lang", "es"],
        env=config,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert terminal.stdin is not None
    assert terminal.stdout is not None
    shown = b""
    while not shown.endswith(b": "):  # the last blank comes when what is typed is no longer echoed
        piece = os.read(terminal.stdout.fileno(), 1000)
        assert piece, shown
        shown += piece
    assert "Contraseña de admin en" in shown.decode()
    terminal.stdin.write(server.password.encode() + b"\n")
    terminal.stdin.flush()
    rest, _ = terminal.communicate(timeout=60)
    assert terminal.returncode == 0, rest
    assert "admin ha entrado en" in rest.decode()
    assert server.password.encode() not in shown + rest
