"""What the model is asked follows the version that a channel gives to a run, and stays with the run."""

import asyncio
from pathlib import Path

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.channels import Author, Promotion
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.kernel import canonical
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.contracts.catalogue.conftest import profile
from tests.unit.core.engines import eventually

WS = "default"
ADA = Author(by="ada", reason="why")
OLD, NEW = "Read once.", "Read twice."


async def apply(platform: Platform, instructions: str, channel: str) -> None:
    await platform.agents.apply(WS, profile(instructions=instructions), filename="a.yaml", channel=channel)


async def told(platform: Platform, server: OpenAIServer, agent: str = "reader") -> str:
    """Which of the instructions the model got in such a run."""
    run_id = await platform.runs.create(WS, NewRun(goal="g", agent=agent))
    return await end(platform, server, run_id)


async def end(platform: Platform, server: OpenAIServer, run_id: str) -> str:
    async def is_over() -> bool:
        return (await platform.runs.wait(WS, run_id)).status.ended

    await eventually(is_over, 120)
    view = await platform.runs.get(WS, run_id)
    assert view.status is RunStatus.SUCCEEDED, view.error
    assert (await platform.runs.replay(WS, run_id)).differences == ()
    (said,) = [text for text in (OLD, NEW) if text in canonical.dumps(server.calls[-1]["body"])]
    return said


async def test_the_model_is_told_what_the_version_of_the_run_says(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    with OpenAIServer(Step(text="Read.")) as server:
        environment = {"FLOWMATIK_MODEL_BASE_URL": server.base_url, "FLOWMATIK_MODEL": "custom/m"}
        async with open_platform(load_settings(tmp_path, environment), recover_all=False) as platform:
            await apply(platform, OLD, "stable")
            await apply(platform, NEW, "canary")
            assert await told(platform, server) == OLD
            assert await told(platform, server, "reader@canary") == NEW

            later = (
                PlanTask(id="w", objective="", wait=WaitSpec(kind="signal", name="go")),
                PlanTask(id="r", objective="read", agent="reader", needs=("w",), criteria=()),
            )
            waiting = await platform.runs.create(WS, NewRun(goal="g", plan=later))
            await asyncio.wait_for(platform.runs.wait(WS, waiting), 120)
            await platform.versions.promote(WS, Promotion(name="reader", source="canary"), ADA)
            assert await told(platform, server) == NEW
            await platform.signals.signal(WS, waiting, "go", {})
            assert await end(platform, server, waiting) == OLD, "it began before"

            await platform.versions.rollback(WS, "reader", ADA)
            assert await told(platform, server) == OLD
