"""What the documents tell people to type, or to look at, is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from flowmatik.app.cli.main import build_app
from flowmatik.app.setting_values import SETTINGS
from flowmatik.app.texts import Texts
from tests.unit.house.repository import ROOT, SOURCE, documents

WITH_VALUE = ("--home", "--lang", "--url", "--api-key")
FOLDERS = "src|docs|tests|schemas|benchmarks|scripts|requirements|examples"
MADE = {"docs/benchmarks.md"}  # by `just bench`


def code_of(page: Path) -> Iterator[str]:
    """Lines of code of a page, in fences and within the text."""
    text = page.read_text(encoding="utf-8")
    for fence in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        yield from fence.splitlines()
    yield from re.findall(r"`([^`\n]+)`", text)


def options_of(command: Any) -> set[str]:
    return {name for given in command.params for name in [*given.opts, *given.secondary_opts]}


def strangers(typed: str, program: Any) -> list[str]:
    """Words of a command line that the program would not understand."""
    found: list[str] = []
    command, value_follows = program, False
    for word in re.sub(r'"[^"]*"', "TEXT", typed).split():
        name = word.split("=")[0].rstrip(",.;")
        if word in ("|", "&&", "--") or word.startswith("#"):  # after "--" another program has the word
            break
        if value_follows:
            value_follows = False
        elif word.startswith("-"):
            known = options_of(command) | options_of(program) | {"--help", "--version"}
            found += [one for one in name.replace("\\", "").split("|") if one not in known]
            value_follows = name in WITH_VALUE
        elif hasattr(command, "commands"):
            named = [one for one in name.split("|") if one not in ("COMMAND", "…")]
            found += [one for one in named if one not in command.commands]
            command = command.commands.get(name.split("|")[0], command)
    return found


@pytest.mark.parametrize("page", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_and_option_that_a_document_shows_exists(page: Path) -> None:
    program = typer.main.get_command(build_app(Texts("en")))
    typed = [line for code in code_of(page) for line in re.findall(r"(?:^|\s)flowmatik\s+(.*)", code)]
    assert {line: words for line in typed if (words := strangers(line, program))} == {}


@pytest.mark.parametrize("line", ["runs lsit", "run GOAL --buget 1", "--hme X doctor", "agents list|shw"])
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    assert strangers(line, typer.main.get_command(build_app(Texts("en"))))


@pytest.mark.parametrize("page", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_and_recipe_that_a_document_names_exists(page: Path) -> None:
    recipes = set(
        re.findall(r"^([a-z-]+)[^:=\n]*:(?!=)", (ROOT / "justfile").read_text(), flags=re.MULTILINE)
    )
    for code in code_of(page):
        named = re.findall(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*\w)(?![\w<*])", code)
        gone = [path for path in named if not any((at / path).exists() for at in (ROOT, page.parent, SOURCE))]
        assert set(gone) <= MADE, code
        assert set(re.findall(r"^just ([a-z-]+)", code)) <= recipes, code


def test_the_table_of_settings_is_the_one_in_the_program() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| (`[a-z_]+[.`]|–)", line)]
    named = {key for row in rows for key in re.findall(r"`([a-z_]+(?:\.[a-z0-9_]+)*)`", row.split("|")[1])}
    known = {setting.key: setting for setting in SETTINGS}
    assert named - {"flowmatik.toml", "prices"} <= known.keys()
    assert {key for key, setting in known.items() if not setting.private} - named <= {
        "providers.openai.base_url",
        "providers.ai302.base_url",
    }
    for key in ("server.port", "engine.max_running_runs", "log.level", "store.synchronous", "server.host"):
        (row,) = (row for row in rows if f"`{key}`" in row)
        assert f"`{known[key].default}`" in row
