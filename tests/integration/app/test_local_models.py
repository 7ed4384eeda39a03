"""`flowmatik init` and `doctor` on a machine with a model server."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.app import local_servers
from flowmatik.app.cli import asking, local_models
from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_servers import LocalAddress
from flowmatik.app.settings import load_settings
from flowmatik.testing.openai_server import OpenAIServer, Step


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with OpenAIServer(Step()) as running:
        here = LocalAddress(name="Ollama", base_url=running.base_url)
        monkeypatch.setattr(local_servers, "KNOWN", (here,))
        yield running


class Person:
    def isatty(self) -> bool:
        return True


async def test_init_uses_it_when_a_person_agrees(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    answers = ["qué", "sí"]

    def prompt(question: str, *, err: bool, **options: object) -> str:
        assert err
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr(asking.typer, "prompt", prompt)
    monkeypatch.setattr(local_models.sys, "stdin", Person())
    line = ["--home", str(tmp_path), "--lang", "es", "init", "--no-examples"]
    assert await asyncio.to_thread(run_cli, line) == 0
    assert asked == ["¿Usar ollama/scripted como modelo predeterminado? [s/N]"] * 2, "until it is answered"
    assert load_settings(tmp_path, {}).model == "ollama/scripted"
    told = capsys.readouterr().err
    assert "Ollama responde" in told
    assert "Responde s o n." in told
    written = (tmp_path / "flowmatik.toml").read_text()
    assert await asyncio.to_thread(run_cli, line) == 0
    assert (tmp_path / "flowmatik.toml").read_text() == written
    assert len(asked) == 2, "a home is not asked again"


async def test_without_a_person_it_is_told_and_nothing_is_written(
    server: OpenAIServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, quiet = tmp_path / "told", tmp_path / "quiet"
    assert await asyncio.to_thread(run_cli, ["--home", str(home), "--json", "init", "--no-examples"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["local_models"] == [{"name": "Ollama", "base_url": server.base_url, "models": ["scripted"]}]
    assert load_settings(home, {}).model == ""
    line = ["--home", str(quiet), "--json", "init", "--no-examples", "--no-detect"]
    assert await asyncio.to_thread(run_cli, line) == 0
    assert "local_models" not in json.loads(capsys.readouterr().out)
    checks: list[list[str]] = []
    for options in ([], ["--no-detect"]):
        assert await asyncio.to_thread(run_cli, ["--home", str(home), "--json", "doctor", *options]) == 0
        checks.append([one["check"] for one in json.loads(capsys.readouterr().out)["items"]])
    assert ["local" in found for found in checks] == [True, False]
