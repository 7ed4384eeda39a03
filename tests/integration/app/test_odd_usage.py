"""What a run pays when its provider says something impossible of what was used."""

from pathlib import Path

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.testing.openai_server import OpenAIServer, Step

PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
role: worker
summary: Writes things.
instructions: Write it.
skills: [documents]
"""
SETTINGS = """
[embeddings]
enabled = false
[prices]
"custom/scripted" = { input = 1.0, output = 2.0 }
"""


def home(folder: Path) -> Path:
    folder.mkdir()
    (folder / "flowmatik.toml").write_text(SETTINGS)
    return folder


async def run_with(folder: Path, *script: Step) -> RunView:
    with OpenAIServer(*script) as model:
        variables = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
        async with open_platform(load_settings(home(folder), variables), recover_all=False) as platform:
            await platform.agents.apply("default", PROFILE, filename="clerk.yaml")
            run_id = await platform.runs.create("default", NewRun(goal="g", agent="clerk"))
            await platform.runs.wait("default", run_id)
            assert not (await platform.runs.replay("default", run_id)).differences
            return await platform.runs.get("default", run_id)


async def test_usage_that_cannot_be_right_costs_the_worst_case_and_no_less(tmp_path: Path) -> None:
    honest = await run_with(tmp_path / "honest", Step(usage=(100, 10)))
    nothing = await run_with(tmp_path / "nothing", Step(usage=None))
    liar = await run_with(tmp_path / "liar", Step(usage=(1, 0)))
    assert honest.cost_micros == 100 + 2 * 10
    assert nothing.cost_micros is not None
    assert liar.cost_micros == nothing.cost_micros > 10 * honest.cost_micros


async def test_usage_above_the_worst_case_is_what_the_run_has_cost(tmp_path: Path) -> None:
    nothing = await run_with(tmp_path / "nothing", Step(usage=None))
    much = await run_with(tmp_path / "much", Step(usage=(1_000_000, 50_000)))
    assert nothing.cost_micros is not None
    assert much.cost_micros == 1_000_000 + 2 * 50_000 > nothing.cost_micros
