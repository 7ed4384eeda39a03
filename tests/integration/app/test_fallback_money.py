"""The money of runs that several providers had a part in: on budgets, in the history and in the ledger."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.budgets import Budget
from flowmatik.contracts.ledger import CostQuery
from flowmatik.contracts.runs import RunView
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_model_list_runs import PROFILE, home, outcomes, run

WS = "default"
UNREADABLE, FINE = Step(kind="malformed"), Step(text="Written.", usage=(10, 5))


class Case:
    platform: Platform
    view: RunView

    async def spent(self) -> dict[str, int]:
        return {one.scope: one.spent_micros for one in await self.platform.budgets.list(WS)}

    async def costs(self, dimension: str) -> dict[str, tuple[int, int]]:
        page = await self.platform.ledger.costs(WS, CostQuery(by=(dimension,)))
        return {one.of[dimension]: (one.costs.spent_micros, one.costs.calls) for one in page.items}


@pytest.fixture
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Case]:
    """A run of "fast", which is one/m, and after an unreadable answer two/m."""
    found, capped = Case(), request.param[1]
    with OpenAIServer(UNREADABLE) as first, OpenAIServer(request.param[0]) as second:
        settings = home(tmp_path, first.base_url, second.base_url, paid=2)
        async with open_platform(settings, recover_all=False) as platform:
            for scope in ("provider:one", "provider:two/day") if capped else ():
                await platform.budgets.put(WS, Budget(scope=scope, limit_micros=10_000_000))
            await platform.agents.apply(WS, PROFILE.replace("MODEL", "cheap"), filename="clerk.yaml")
            found.platform, found.view = platform, await run(platform)
            yield found


def paid_in(facts: list[dict[str, Any]]) -> dict[str, int]:
    return {one: sum(fact["paid"][one] for fact in facts) for one in ("one", "two")}


@pytest.mark.parametrize("case", [(FINE, True), (UNREADABLE, True)], indirect=True)
async def test_each_providers_budget_bears_what_that_provider_may_get(case: Case) -> None:
    facts = await outcomes(case.platform, case.view.id)
    paid = paid_in(facts)
    assert paid["one"] > 2048, "an answer of the greatest length"
    assert sum(paid.values()) == case.view.cost_micros
    assert (paid["two"] == 30) is (case.view.status == "succeeded")
    assert await case.spent() == {"provider:one": paid["one"], "provider:two/day": paid["two"]}
    check = await case.platform.ledger.check(WS)
    assert (check.found, check.differences) == (0, ())
    assert {one: spent for one, (spent, _) in (await case.costs("provider")).items() if one} == paid


@pytest.mark.parametrize("case", [(FINE, False)], indirect=True)
async def test_the_report_tells_the_providers_apart_without_any_budget(case: Case) -> None:
    facts = await outcomes(case.platform, case.view.id)
    check = await case.platform.ledger.check(WS)
    assert check.found == 0
    costs = await case.costs("provider")
    assert {one: spent for one, (spent, _) in costs.items() if one} == paid_in(facts)
    assert sum(calls for _, calls in costs.values()) == 1
    served = await case.costs("served")
    assert served["two/m"] == (30, 1), "what another one may get for it was not served by this"
