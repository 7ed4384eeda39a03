"""Two cheap models and a strong one behind one HTTP server: what is asked of each, and what is saved."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from flowmatik.agents import parse_profile
from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.cascades import CascadeView
from flowmatik.contracts.models import Usage
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.replay import replay
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.openai_server import OpenAIServer
from flowmatik.testing.openai_server.steps import Step, ToolUse
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.integrations.support import gateway
from tests.unit.core.engines import running_engine
from tests.unit.core.resting import WS

PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: clerk
summary: Answers guests.
role: clerk
instructions: Answer the guest.
tools: [guest]
"""
PAIR = PROFILE + "cascade: {models: [far/mini-a, far/mini-b], strong: far/grand}\n"
LONE = (
    PROFILE
    + """\
criteria: [{check: policy, forbid: [guaranteed]}]
cascade: {models: [far/mini-a], strong: far/grand, verify: true}
"""
)
PRICES = {"mini-a": (1.0, 1.0), "mini-b": (1.0, 1.0), "grand": (10.0, 100.0)}
CHEAP = 11 + 7  # micro-dollars a call, of the tokens that the server reports
STRONG = 11 * 10 + 7 * 100


async def guest(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {"name": "Ana"}


TOOLS = FunctionTools({"guest": FunctionTool(function=guest, effect=Effect.READ)})


@asynccontextmanager
async def asked(profile: str, *script: Step) -> AsyncGenerator[tuple[RunView, list[str]]]:
    """The run's end, and which models were asked, in the order of the wire."""
    clock = SystemClock()
    journal = InMemoryJournal(clock)
    agents = (parse_profile(profile, filename="clerk.yaml"),)
    with OpenAIServer(*script) as server:
        async with (
            gateway(server, clock, prices=PRICES) as models,
            running_engine(
                journal=journal, models=models, tools=TOOLS, agents=agents, loop=ReducerLoop()
            ) as engine,
        ):
            new = NewRun(goal="Who comes?", agent="clerk", budget_micros=1_000_000)
            run_id = await engine.runs.create(WS, new)
            view = await engine.runs.wait(WS, run_id)
        assert replay(run_id, await whole(journal, run_id), ReducerLoop()).differences == ()
        yield view, [str(call["body"]["model"]) for call in server.calls]


def by(model: str, text: str = "", **more: Any) -> Step:
    return Step(text=text, when=f'"{model}"', **more)


LOOK = ToolUse(name="guest", arguments='{"id": 7, "full": true}')
SAME = ToolUse(name="guest", arguments='{"full":true,"id":7}')


async def test_cheap_models_that_agree_settle_the_turn_and_the_strong_one_has_the_others() -> None:
    steps = (
        by("mini-a", tools=(LOOK,), finish="tool_calls"),
        by("mini-a", "It is Ana."),
        by("mini-b", tools=(SAME,), finish="tool_calls"),
        by("mini-b", "It is Eva."),
        by("grand", "It is Ana, of course."),
    )
    async with asked(PAIR, *steps) as (view, models):
        assert view.status is RunStatus.SUCCEEDED
        assert view.answer is not None
        assert view.answer.text == "It is Ana, of course."
        assert sorted(models) == ["grand", "mini-a", "mini-a", "mini-b", "mini-b"]
        assert view.cascade == CascadeView(
            cheap_turns=1,
            strong_turns=1,
            drafts_micros=4 * CHEAP,
            strong_micros=STRONG,
            saved_micros=STRONG - 4 * CHEAP,
        )
        assert view.cost_micros == 4 * CHEAP + STRONG


async def test_a_cheap_model_whose_server_fails_does_not_count() -> None:
    steps = (by("mini-a", "It is Ana."), by("mini-b", kind="wrong_shape"), by("grand", "It is Luz."))
    async with asked(PAIR, *steps) as (view, models):
        assert view.answer is not None
        assert view.answer.text == "It is Luz."
        assert models[-1] == "grand"


async def test_without_its_tokens_nobody_knows_what_a_reply_would_have_cost() -> None:
    steps = (by("mini-a", "It is Ana.", usage=None), by("mini-b", "It is Ana.", usage=None), by("grand"))
    async with asked(PAIR, *steps) as (view, models):
        assert sorted(models) == ["mini-a", "mini-b"]
        assert view.cascade is not None
        assert (view.cascade.cheap_turns, view.cascade.saved_micros) == (1, None)


async def test_what_a_single_cheap_model_says_is_done_again_when_it_is_not_verified() -> None:
    steps = (by("mini-a", "It is guaranteed."), by("grand", "It is likely."))
    async with asked(LONE, *steps) as (view, models):
        assert view.answer is not None
        assert (view.answer.text, models) == ("It is likely.", ["mini-a", "grand"])
        assert view.cascade == CascadeView(
            strong_turns=1, drafts_micros=CHEAP, strong_micros=0, saved_micros=-CHEAP
        )


async def test_the_gateway_knows_what_tokens_cost_where_a_price_is_known() -> None:
    usage = Usage(input_tokens=11, output_tokens=7)
    async with gateway("http://127.0.0.1:9/v1", SystemClock(), prices=PRICES) as models:
        assert models.price_micros("far/grand", usage) == STRONG
        assert models.price_micros("local/extractive", usage) == 0
        assert models.price_micros("far/unheard-of", usage) is None
        assert models.price_micros("nobody/grand", usage) is None
