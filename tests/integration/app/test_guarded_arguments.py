"""What guardrails fix in the arguments of a tool stands nowhere in the home, whoever reads its files."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.testing.openai_server.server import OpenAIServer
from flowmatik.testing.openai_server.steps import Step, ToolUse
from tests.unit.agents.skill_files import write

WS = "default"
EMAIL, KEY = "ana@example.org", "AKIAIOSFODNN7EXAMPLE"
CODE = '''
from flowmatik.skills import skill


@skill(effect="once")
def send(to: str, text: str) -> str:
    """Send a text."""
    return f"{to}: {text}"
'''
CLERK = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
summary: Writes letters.
role: clerk
instructions: Be brief.
tools: [send]
guardrails:
  - {check: pii, on: [input, tool_arguments], on_fail: fix}
  - {check: secrets, on: [tool_arguments], on_fail: fix}
"""


def rows(database: Path) -> list[str]:
    """Every row of every table, as the statement that would write it."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


async def test_a_fixed_argument_stands_in_no_row_and_in_no_file(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    write(tmp_path / "skills", {"letters/tools.py": CODE})
    given = json.dumps({"to": EMAIL, "text": f"it is {KEY}"})
    steps = (Step(text="", tools=(ToolUse(name="send", arguments=given),)), Step(text="Sent."))
    with OpenAIServer(*steps) as model:
        variables = {
            "FLOWMATIK_MODEL_BASE_URL": model.base_url,
            "FLOWMATIK_MODEL_API_KEY": "k",
            "FLOWMATIK_MODEL": "custom/test",
        }
        async with open_platform(load_settings(tmp_path, variables), recover_all=True) as platform:
            await platform.agents.apply(WS, CLERK, filename="clerk.yaml")
            new = NewRun(goal=f"Write to {EMAIL}.", agent="clerk")
            view = await platform.runs.wait(WS, await platform.runs.create(WS, new))
            assert view.status is RunStatus.SUCCEEDED
            assert view.goal == "Write to [email]."
            kept = rows(tmp_path / ".flowmatik" / "journal.db")
    said: list[Any] = [call["body"] for call in model.calls]
    assert "[email]: it is [aws_key]" in json.dumps(said[1])
    assert any("it is [aws_key]" in row for row in kept)
    files = [path.read_bytes() for path in (tmp_path / ".flowmatik").rglob("*") if path.is_file()]
    for secret in (EMAIL, KEY):
        assert not any(secret in row for row in kept)
        assert not any(secret.encode() in data for data in files)
