"""What is wrong with a command is said of its options, as they are typed, and not of the API's fields."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import typer.main

from flowmatik.app.cli.main import build_app, run_cli
from flowmatik.app.cli.written_names import TYPED, as_typed
from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import load_settings
from flowmatik.app.texts import catalogue
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform

WRONG = {
    "facts add a b c --since X": "--since: 'X'",
    "facts add a b c --until X": "--until: 'X'",
    "facts as-of X": "DATE: 'X'",
    "facts as-of 2025-01-01 --valid X": "--valid: 'X'",
    "limits set agent:x --most -1": "--most",
    "budgets set workspace 5 --at 0": "--at",
    "alerts hooks add http://x --secret env:ALERTS_A": "URL",
}


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("there", ["home", "server"])
async def test_an_option_is_named_as_it_was_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str, language: str
) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    settings = load_settings(tmp_path, {})
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as serving,
    ):
        token = await asyncio.to_thread(read_local_token, settings)
        where = ["--home", str(tmp_path)] if there == "home" else ["--url", serving.url, "--api-key", token]
        for line, said in WRONG.items():
            assert await asyncio.to_thread(run_cli, ["--lang", language, *where, *line.split()]) == 2
            assert f"Error: {said}" in capsys.readouterr().err, line


def test_a_word_of_a_sentence_is_left_alone() -> None:
    line = ["--json", "--home", "limits", "facts", "add"]
    both = as_typed("valid_until (2025) is not after valid_from (2026), at last", line)
    assert both == "--until (2025) is not after --since (2026), at last"
    assert as_typed("the owner at most", line) == "the owner at most"
    assert as_typed("scope: no", ["memory", "limits"]) == "scope: no"


def test_every_name_is_one_that_can_be_typed() -> None:
    app: Any = typer.main.get_command(build_app(catalogue("en")))
    for command, names in TYPED.items():
        known: set[str] = set()
        waiting: list[Any] = [app.commands[command]]
        while waiting:
            one = waiting.pop()
            waiting += getattr(one, "commands", {}).values()
            for parameter in one.params:
                known |= {*parameter.opts, str(parameter.metavar)}
        assert {*names.values()} <= known, command
