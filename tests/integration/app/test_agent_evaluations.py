"""Evaluations as people meet them: each case a real run, the score in the catalogue with its model."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents import parse_set, shipped_set
from flowmatik.app.evaluating import evaluate
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import RunFilter
from flowmatik.kernel.errors import InvalidInput
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.e2e.cli import environment, make_home
from tests.e2e.serving import up
from tests.e2e.within import flowmatik

SET = """\
apiVersion: flowmatik/v1
kind: EvaluationSet
metadata: {name: signing}
agent: researcher
documents:
  signing.md: |
    # Signing

    Contracts are signed by Ruth Amat, the director.
cases:
  - name: who
    input: Who signs contracts?
    checks: {contains: [Ruth Amat], cites: [signing.md], refuses: false}
  - name: wrong
    input: Who signs contracts?
    checks: {contains: [Nobody at all]}
"""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as opened:
        yield opened


async def evaluated(platform: Platform, text: str = SET) -> Any:
    given = parse_set(text, filename="s.yaml")
    agent = await platform.agents.get("default", given.file.agent)
    return await asyncio.wait_for(evaluate(platform, agent, given), 120)


async def test_each_case_is_a_run_and_the_score_is_kept_with_its_model(platform: Platform) -> None:
    result = await evaluated(platform)
    assert (result.status, result.score, result.model) == ("scored", 0.5, "local/extractive")
    assert [case.passed for case in result.cases] == [True, False]
    for case in result.cases:
        assert (await platform.runs.replay("default", case.run_id)).differences == ()
    page = await platform.runs.list("default", RunFilter(tags=("evaluation",)))
    assert {run.id for run in page.items} == {case.run_id for case in result.cases}
    standing = await platform.versions.standing("default", "researcher")
    (kept,) = standing.versions[0].evaluations
    assert (kept.score, kept.n, kept.model, kept.set_name) == (0.5, 2, "local/extractive", "signing")
    assert kept.set_hash == parse_set(SET, filename="x").hash
    assert await platform.memory.documents("default") == [], "they were there for the evaluation alone"


async def test_a_set_that_needs_another_model_is_not_scored(platform: Platform) -> None:
    agent = await platform.agents.get("default", "translator")
    result = await evaluate(platform, agent, shipped_set("translator"))
    assert (result.status, result.score, result.cases) == ("not_with_this_model", None, ())
    assert (await platform.versions.standing("default", "translator")).versions[0].evaluations == ()


async def test_a_writer_is_given_what_the_researcher_found(platform: Platform) -> None:
    text = SET.replace("agent: researcher", "agent: writer").replace(
        "    input: Who signs", '    gathers: ["Who signs contracts?"]\n    input: Who signs'
    )
    result = await evaluated(platform, text)
    assert [case.passed for case in result.cases] == [True, False], result


async def test_a_set_of_another_agent_is_refused_before_any_run(platform: Platform) -> None:
    agent = await platform.agents.get("default", "analyst")
    with pytest.raises(InvalidInput, match="for the agent 'researcher', not for 'analyst'"):
        await evaluate(platform, agent, parse_set(SET, filename="s.yaml"))
    assert (await platform.runs.list("default")).items == ()


async def test_a_model_that_is_away_gives_no_score_and_leaves_no_document(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    with OpenAIServer(Step(), key="another one") as server:
        settings = load_settings(
            tmp_path,
            {"FLOWMATIK_MODEL_BASE_URL": server.base_url, "FLOWMATIK_MODEL": "custom/m",
             "FLOWMATIK_MODEL_API_KEY": "wrong"},
        )  # fmt: skip
        async with open_platform(settings, recover_all=False) as platform:
            result = await evaluated(platform)
            assert (result.status, result.score) == ("incomplete", None)
            assert all(not case.ran and "model.key" in case.error for case in result.cases)
            assert (await platform.versions.standing("default", "researcher")).versions[0].evaluations == ()
            assert await platform.memory.documents("default") == []


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("evaluations") / "home", "--no-examples")


def test_the_command_shows_a_table_or_json_and_the_catalogue_the_score(home: Path, tmp_path: Path) -> None:
    """With the scripted server, whose answer is the same for each case: this proves the runner alone."""
    answer = Step(text="La reunión es el martes: the meeting is on Tuesday at 10:00 in the room Goya.")
    (tmp_path / "bad.yaml").write_text(SET.replace("checks:", "check:"))
    with OpenAIServer(answer) as server:
        env = environment(
            FLOWMATIK_MODEL_BASE_URL=server.base_url, FLOWMATIK_MODEL="custom/m",
            FLOWMATIK_MODEL_API_KEY="k", FLOWMATIK_EMBEDDINGS="false",
        )  # fmt: skip

        def said(*arguments: str) -> tuple[int, str, str]:
            done = flowmatik(*arguments, env=env)
            return done.returncode, done.stdout, done.stderr

        code, out, err = said(
            "--home", str(home), "--json", "agents", "evaluate", "translator", "--min", "0.9"
        )
        result = json.loads(out)
        assert (code, result["status"], result["n"], result["model"]) == (1, "scored", 6, "custom/m"), err
        assert result["cases"][0]["passed"] is True
        assert 0 < result["score"] < 0.9
        code, out, _ = said("--home", str(home), "--lang", "es", "agents", "list")
        assert f"{result['score']:.2f} (translator, n=6, custom/m)" in out
        code, out, err = said("--home", str(home), "agents", "evaluate", "researcher", "--set",
                              str(tmp_path / "bad.yaml"))  # fmt: skip
        assert code == 2
        assert "bad.yaml:13:5: cases.0.check: is not a field" in err
        assert said("--home", str(home), "agents", "evaluate", "stranger")[0] == 3


def test_the_command_works_through_a_server(home: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SET)
    with up(home, environment(FLOWMATIK_EMBEDDINGS="false")) as server:
        where = ("--url", server.url, "--api-key", server.headers["Authorization"].removeprefix("Bearer "))
        done = flowmatik(
            *where, "--json", "agents", "evaluate", "researcher", "--set", str(tmp_path / "s.yaml")
        )
        result = json.loads(done.stdout)
        assert (result["status"], result["score"]) == ("scored", 0.5), done.stderr
        listed = json.loads(flowmatik(*where, "--json", "agents", "list").stdout)["items"]
        mine = next(one for one in listed if one["name"] == "researcher")
        assert mine["evaluations"][0]["set_name"] == "signing"
