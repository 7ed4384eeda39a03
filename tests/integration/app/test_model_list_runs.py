"""Runs of a home with a model list: what serves them, what they cost, and what is told of it."""

from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.metrics import Metrics
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import api_services
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.kernel.errors import BudgetExhausted, ModelRejected, ProfileInvalid
from flowmatik.testing.openai_server import OpenAIServer, Step

PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
role: worker
summary: Writes things.
instructions: Write it.
skills: [documents]
model: MODEL
"""


def home(folder: Path, first: str, second: str, *, paid: int = 1) -> Settings:
    (folder / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (folder / "models.yaml").write_text(f"""\
model_list:
  - {{model_name: fast, model: one/m, base_url: {first}, prices: {{input: 1, output: 1}}, tags: [eu]}}
  - {{model_name: good, model: two/m, base_url: {second}, prices: {{input: 2, output: 2}}}}
aliases: {{cheap: fast}}
fallbacks: {{fast: [good]}}
paid_attempts: {paid}
default: cheap
""")
    return load_settings(folder, {})


async def run(platform: Platform) -> RunView:
    run_id = await platform.runs.create("default", NewRun(goal="Write it.", agent="clerk"))
    return await platform.runs.wait("default", run_id)


async def outcomes(platform: Platform, run_id: str) -> list[dict[str, Any]]:
    facts = [event async for event in platform.runs.events("default", run_id)]
    kinds = ("flowmatik.CallSucceeded", "flowmatik.CallFailed")
    return [dict(one.data) for one in facts if one.type in kinds]


async def test_a_run_is_served_by_who_stands_in_and_its_history_and_the_figures_say_so(
    tmp_path: Path,
) -> None:
    failing, fine = Step(kind="error", status=503), Step(text="Written.", usage=(10, 5))
    metrics = Metrics()
    with OpenAIServer(failing) as first, OpenAIServer(fine) as second:
        settings = home(tmp_path, first.base_url, second.base_url)
        async with open_platform(settings, recover_all=False) as platform:
            await platform.agents.apply("default", PROFILE.replace("MODEL", "cheap"), filename="clerk.yaml")
            view = await run(platform)
            assert (view.status, view.cost_micros, view.models) == ("succeeded", 30, ("two/m",))
            assert not (await platform.runs.replay("default", view.id)).differences
            (fact,) = await outcomes(platform, view.id)
            tried = [(one["deployment"], one["outcome"]) for one in fact["reply"]["attempts"]]
            assert tried == [("fast:one/m", "unavailable"), ("good:two/m", "ok")]
            metrics.watch_models(platform.deployments)
            figures = api_services(platform, metrics).metrics
            assert figures is not None
            text = (await figures()).decode()
    assert 'flowmatik_model_calls_total{deployment="fast:one/m",outcome="unavailable"} 1.0' in text
    assert 'flowmatik_model_calls_total{deployment="good:two/m",outcome="ok"} 1.0' in text


@pytest.mark.parametrize(("paid", "calls"), [(1, 0), (2, 1)])
async def test_an_answer_that_cannot_be_read_costs_what_was_reserved_for_it(
    tmp_path: Path, paid: int, calls: int
) -> None:
    with OpenAIServer(Step(kind="malformed")) as first, OpenAIServer(Step(usage=(10, 5))) as second:
        settings = home(tmp_path, first.base_url, second.base_url, paid=paid)
        async with open_platform(settings, recover_all=False) as platform:
            await platform.agents.apply("default", PROFILE.replace("MODEL", "cheap"), filename="clerk.yaml")
            view = await run(platform)
            facts = await outcomes(platform, view.id)
        assert len(second.calls) == calls
    if paid == 1:
        assert view.status == "failed"
        assert all(fact["cost_micros"] > 2048 for fact in facts)
    else:
        assert view.status == "succeeded"
        assert 2048 < facts[0]["cost_micros"] == view.cost_micros


async def test_a_profile_may_name_what_the_list_has_and_nothing_else(tmp_path: Path) -> None:
    settings = home(tmp_path, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    async with open_platform(settings, recover_all=False) as platform:
        for model in ("cheap", "good", "fast@eu", "tag:eu", "local/extractive"):
            await platform.agents.apply("default", PROFILE.replace("MODEL", model), filename="clerk.yaml")
        for model, told in (
            ("chaep", "did you mean 'cheap'?"),
            ("fast@us", "there is no tag 'us'; there is eu"),
            ("tag:mars", "there is no tag 'mars'"),
            ("elsewhere/m", "there is no provider 'elsewhere'"),
        ):
            with pytest.raises(ProfileInvalid) as caught:
                await platform.agents.apply("default", PROFILE.replace("MODEL", model), filename="clerk.yaml")
            assert told in caught.value.message


async def test_a_name_of_the_list_is_probed_as_the_model_behind_it(tmp_path: Path) -> None:
    with OpenAIServer(Step(text="Yes.", usage=(10, 5))) as first:
        settings = home(tmp_path, first.base_url, "http://127.0.0.1:9/v1")
        async with open_platform(settings, recover_all=False) as platform:
            models = platform.model_access
            cost = await models.probe_cost("default", "cheap")
            with pytest.raises(BudgetExhausted):
                await models.probe("default", "cheap", most_micros=(cost.most_micros or 0) - 1)
            found = await models.probe("default", "", most_micros=cost.most_micros)
            (entry,) = [one for one in await models.list("default") if one.model == "cheap"]
    assert {call["body"]["model"] for call in first.calls} == {"m"}
    assert (cost.model, found.model, found.cost_micros) == ("one/m", "one/m", 15 * len(first.calls))
    assert (entry.provider, entry.default, entry.capabilities) == ("one", True, found)


async def test_names_of_the_list_are_told_with_their_price_and_probed_as_what_answers_for_them(
    tmp_path: Path,
) -> None:
    with OpenAIServer(Step(text="Yes.")) as server:
        settings = home(tmp_path, server.base_url, server.base_url)
        async with open_platform(settings, recover_all=False) as platform:
            access = platform.model_access
            told = {one.model: one for one in await access.list("default")}
            assert set(told) == {"cheap", "fast", "good"}
            assert {one.price.source for one in told.values()} == {"own"}
            assert (told["cheap"].default, told["cheap"].provider, told["good"].price.input) == (
                True,
                "one",
                2,
            )
            found = await access.probe("default", "cheap")
            assert found.model == "one/m"
            assert {call["body"]["model"] for call in server.calls} == {"m"}
            probed = {one.model: one.capabilities for one in await access.list("default")}
            assert (probed["cheap"], probed["fast"], probed["good"]) == (found, found, None)
            with pytest.raises(ModelRejected) as error:
                await access.prices("default", ("nobody",))
            assert error.value.code == "model.unknown"
