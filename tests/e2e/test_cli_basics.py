"""The program as a person starts it: version, help, errors, migrate, doctor."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowmatik import __version__

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("FLOWMATIK_", "LC_", "LANG")) or name == "FLOWMATIK_TEST_DATA"
}


def flowmatik(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flowmatik", *arguments],
        cwd=cwd,
        env={**CLEAN, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / ".flowmatik").mkdir(parents=True, mode=0o700)
    (folder / "flowmatik.toml").write_text("")
    return folder


@pytest.mark.parametrize("request_", ["--version", "-V", "version"])
def test_the_version_is_told(request_: str, tmp_path: Path) -> None:
    done = flowmatik(request_, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"flowmatik {__version__}\n")


def test_the_version_comes_without_loading_the_command_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['flowmatik', '--version']\n"
        "from flowmatik.__main__ import main; main()\n"
        "print(sorted({'typer', 'rich', 'pydantic', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=CLEAN)
    assert done.stdout.splitlines() == [f"flowmatik {__version__}", "[]"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("version", "--json"),
        ("--version", "--json"),
        ("--json", "-V"),
        ("--lang", "es", "--version", "--json"),
    ],
)
def test_the_version_as_json(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = flowmatik(*arguments, cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"version": __version__})


def test_the_help_names_the_option_for_the_version(tmp_path: Path) -> None:
    assert "--version" in flowmatik("--help", cwd=tmp_path).stdout
    assert flowmatik("--debug", "--version", cwd=tmp_path).stdout == f"flowmatik {__version__}\n"


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", "Give the agents a goal"), ("es", "Da un objetivo a los agentes")],
)
def test_help_speaks_the_language_asked_for(language: str, expected: str, tmp_path: Path) -> None:
    by_flag = flowmatik("run", "--help", "--lang", language, cwd=tmp_path)
    by_locale = flowmatik("--help", cwd=tmp_path, LANG=f"{language}_XX.UTF-8")
    assert expected in by_flag.stdout
    assert expected in by_locale.stdout
    assert "help." not in by_flag.stdout + by_locale.stdout


@pytest.mark.parametrize("arguments", [("--lang", "fr", "version"), ("runs", "list", "--lang=fr", "--help")])
def test_a_language_that_there_is_not_is_wrong_use_and_names_those_that_there_are(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = flowmatik(*arguments, cwd=tmp_path, LANG="es_ES.UTF-8")
    assert (done.returncode, done.stdout) == (2, "")
    assert "el valor 'fr' de --lang no sirve; es uno de en, es" in done.stderr


def test_a_locale_of_another_language_is_answered_in_english(tmp_path: Path) -> None:
    done = flowmatik("runs", "list", cwd=tmp_path, LANG="fr_FR.UTF-8")
    assert "No Flowmatik home" in done.stderr


def test_without_a_home_the_error_says_what_to_do_and_shows_no_traceback(tmp_path: Path) -> None:
    done = flowmatik("runs", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "flowmatik init" in done.stderr
    assert "[config.no_home]" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_json_the_error_is_a_json_line_too(tmp_path: Path) -> None:
    done = flowmatik("--json", "run", "a goal", cwd=tmp_path)
    line = json.loads(done.stdout)
    assert (line["type"], line["code"]) == ("error", "config.no_home")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in flowmatik("runs", "list", "--debug", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "goal", "--quickstart"),
        ("run", "goal", "--budget", "lots"),
        ("runs", "list", "--status", "odd"),
        ("runs", "resume", "run_1", "--resolve", "call=maybe"),
        ("nonsense",),
        ("runs", "list", "--url", "http://localhost:1"),
    ],
)
def test_wrong_use_ends_with_2(arguments: tuple[str, ...], home: Path) -> None:
    done = flowmatik(*arguments, cwd=home)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_documents_that_are_not_there_end_with_3(home: Path) -> None:
    assert flowmatik("run", "goal", "--docs", "nowhere", cwd=home).returncode == 3
    assert flowmatik("memory", "ingest", "nowhere", cwd=home).returncode == 3


def test_a_server_that_is_not_there_ends_with_6(home: Path) -> None:
    done = flowmatik("runs", "list", "--url", "http://127.0.0.1:9", "--api-key", "k", cwd=home)
    assert done.returncode == 6
    assert "unavailable.server" in done.stderr


def test_every_wrong_setting_is_reported_at_once(home: Path) -> None:
    (home / "flowmatik.toml").write_text("[server]\nport = 'x'\nprot = 1\n")
    done = flowmatik("doctor", cwd=home, FLOWMATIK_LOG_LEVEL="loud")
    assert done.returncode == 2
    for part in ("server.port = 'x'", "server.prot", "log.level = 'loud'"):
        assert part in done.stderr


def test_the_doctor_sends_to_migrate_and_is_content_after_it(home: Path) -> None:
    before = flowmatik("doctor", "--json", cwd=home)
    schema = next(item for item in json.loads(before.stdout)["items"] if item["check"] == "schema")
    assert (before.returncode, schema["ok"], schema["mend"]) == (6, False, "Run `flowmatik migrate`.")
    first = flowmatik("migrate", "--json", cwd=home)
    again = flowmatik("migrate", "--json", cwd=home)
    assert json.loads(first.stdout)["before"] == ""
    assert json.loads(again.stdout)["before"] == json.loads(again.stdout)["after"]
    assert flowmatik("doctor", "--lang", "es", cwd=home).returncode == 0


def test_the_version_is_quick(tmp_path: Path) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        flowmatik("--version", cwd=tmp_path)
        return time.perf_counter() - start

    def bare() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True, env=CLEAN)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) - min(bare() for _ in range(5)) < 0.15


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs", "list", "--limit", "abc"), "el valor 'abc' de --limit debe ser un número entero"),
        (("runs", "list", "--limit", "-1"), "el valor '-1' de --limit debe ser al menos 1"),
        (
            ("runs", "list", "--status", "ida"),
            "el valor 'ida' de --status no sirve; es uno de queued, running",
        ),
    ],
)
def test_a_value_that_an_option_cannot_take_is_named_with_what_would_do(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = flowmatik(*arguments, cwd=tmp_path, LANG="es_ES.UTF-8")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
