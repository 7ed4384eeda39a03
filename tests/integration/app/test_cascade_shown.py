"""What a cascade saved is told by the commands that show a run."""

import json
from pathlib import Path

import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.testing.openai_server import OpenAIServer, Step

SETTINGS = """
[embeddings]
enabled = false
[prices]
"custom/a" = { input = 1.0, output = 1.0 }
"custom/b" = { input = 1.0, output = 1.0 }
"custom/big" = { input = 10.0, output = 100.0 }
"""
CLERK = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
summary: Answers guests.
role: clerk
instructions: Answer the guest.
cascade: {models: [custom/a, custom/b], strong: custom/big}
"""
TOKENS = (11, 7)
CHEAP, STRONG = 2 * (11 + 7), 11 * 10 + 7 * 100  # micro-dollars: of both cheap replies, of the strong one


def test_the_saving_is_shown_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flowmatik.toml").write_text(SETTINGS)
    (tmp_path / "clerk.yaml").write_text(CLERK)
    with OpenAIServer(Step(text="Ana comes.", usage=TOKENS)) as server:
        monkeypatch.setenv("FLOWMATIK_MODEL_BASE_URL", server.base_url)
        monkeypatch.setenv("FLOWMATIK_MODEL", "custom/big")

        def said(*words: str) -> str:
            capsys.readouterr()
            code = run_cli(["--home", str(tmp_path), "--lang", "en", *words])
            told = capsys.readouterr()
            assert code == 0, told.err
            return told.out

        said("agents", "apply", str(tmp_path / "clerk.yaml"))
        result = json.loads(said("--json", "run", "Who comes?", "--agent", "clerk").splitlines()[-1])
        shown = said("runs", "show", result["run_id"])
        told = json.loads(said("--json", "runs", "show", result["run_id"]))["tasks"][0]["cascade"]
    assert [call["body"]["model"] for call in server.calls] == ["a", "b"]
    assert told["saved_micros"] == STRONG - CHEAP
    assert f"${(STRONG - CHEAP) / 1_000_000:.6f} saved" in shown
