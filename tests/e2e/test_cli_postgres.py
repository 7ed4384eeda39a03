"""The command line on a home whose store is PostgreSQL: the same verbs, the same answers."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flowmatik.stores.postgres import connect_once
from tests.e2e.cli import flowmatik

GOAL = "What colour is the door of the north office?"
NOTE = "# North office\n\nThe door of the north office is green. The desk was made in 1987.\n"


@pytest.fixture
def home(pg_database: str, tmp_path: Path) -> Path:
    """A folder whose settings name the database; nothing is initialised yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "flowmatik.toml").write_text(f'[store]\ndatabase_url = "{pg_database}"\n', encoding="utf-8")
    return folder


async def at(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(flowmatik, "--home", str(home), *arguments)


async def as_json(home: Path, *arguments: str) -> Any:
    done = await at(home, "--json", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


async def test_every_verb_works_on_postgresql(home: Path, pg_database: str) -> None:
    before = await at(home, "--json", "doctor")
    schema = next(item for item in json.loads(before.stdout)["items"] if item["check"] == "schema")
    assert (before.returncode, schema["ok"]) == (6, False)
    migrated = await as_json(home, "migrate")
    assert migrated["before"] == ""
    again = await as_json(home, "migrate")
    assert again["before"] == again["after"] == migrated["after"]

    made = await at(home, "--json", "init", "--no-examples", "--show-password")
    assert json.loads(made.stdout)["password"] in made.stderr
    assert "Created the home" in made.stderr  # the settings were there, the rest was not
    assert "password" not in await as_json(home, "init", "--no-examples", "--show-password")

    (home / "documents" / "north.md").write_text(NOTE, encoding="utf-8")
    ran = await at(home, "--json", "run", GOAL, "--docs", str(home / "documents"))
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    result = lines[-1]
    assert (ran.returncode, result["status"], result["answer"]["found"]) == (0, "succeeded", True), ran.stderr
    assert "green" in result["answer"]["text"]
    assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))

    listed = await as_json(home, "runs", "list")
    assert [item["id"] for item in listed["items"]] == [result["run_id"]]
    shown = await as_json(home, "runs", "show", result["run_id"])
    assert (shown["goal"], shown["status"], shown["answer"]["text"]) == (
        GOAL, "succeeded", result["answer"]["text"],
    )  # fmt: skip
    replayed = await as_json(home, "runs", "replay", result["run_id"])
    assert replayed["differences"] == []
    assert replayed["events"] == len(lines) - 1
    assert (await at(home, "runs", "show", "run_nowhere")).returncode == 3

    healthy = await at(home, "doctor")
    assert healthy.returncode == 0, healthy.stdout
    assert "PostgreSQL answers" in healthy.stdout
    assert not (home / ".flowmatik" / "journal.db").exists()
    assert await _stored(pg_database) == 1


async def test_a_submitted_run_is_carried_out_by_resume_on_postgresql(home: Path) -> None:
    await as_json(home, "init", "--no-examples")
    sent = await as_json(home, "run", GOAL, "--no-follow")
    assert sent["answer"] is None
    assert (await as_json(home, "runs", "resume", sent["run_id"]))["status"] == "succeeded"


async def test_a_server_that_is_away_is_said_without_the_password(home: Path) -> None:
    url = "postgresql://someone:very-secret-word@127.0.0.1:9/nothing"
    (home / "flowmatik.toml").write_text(f'[store]\ndatabase_url = "{url}"\n', encoding="utf-8")
    for verb in (("runs", "list"), ("run", GOAL), ("migrate",), ("init",), ("doctor",)):
        done = await at(home, "--lang", "es", *verb)
        assert done.returncode == 6, done.stdout + done.stderr
        assert "very-secret-word" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


async def _stored(url: str) -> int:
    assert urlsplit(url).scheme.startswith("postgres")
    connection = await connect_once(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM runs"))
    finally:
        await connection.close()
