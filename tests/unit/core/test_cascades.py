"""Agents with cheap models before a strong one, through an engine in memory."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.cascades import Agree, Cascade, CascadeView
from flowmatik.contracts.control import NewFork
from flowmatik.contracts.criteria import Judge, Policy
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import ToolContext
from flowmatik.core import events as ev
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.planned import turn_prices
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelUnavailable
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.resting import WS, told

A, B, C, BIG = "x/a", "x/b", "x/c", "x/big"
COST = {A: 2, B: 3, C: 4, BIG: 90}
WORST = {A: 10, B: 10, C: 10, BIG: 100}
INSTEAD = 100  # 10 tokens in at 5, 5 out at 10
Said = str | ModelReply | Exception | None  # None: no answer, ever


def cheap(*models: str, agree: Agree = "text", verify: bool = False) -> Cascade:
    return Cascade(models=models or (A, B), strong=BIG, agree=agree, verify=verify)


def wish(name: str = "look", text: str = "", **arguments: Any) -> ModelReply:
    calls = (ToolCall(id="", name=name, arguments=arguments),)
    return ModelReply(text=text, tool_calls=calls, finish="tool_calls")


def wishes(*queries: str) -> ModelReply:
    calls = tuple(ToolCall(id="", name="look", arguments={"q": q}) for q in queries)
    return ModelReply(text="", tool_calls=calls, finish="tool_calls")


class Shop:
    """One clerk whose models say what the script has for each of them, one after the other."""

    def __init__(self, cascade: Cascade | None = None, **more: Any) -> None:
        self.agent = AgentVersion(
            name="clerk", version="0" * 12, role="clerk", summary="", instructions="Write.",
            skills=("letters",), tools=("look",), cascade=cascade or cheap(), **more,
        )  # fmt: skip
        self.journal = InMemoryJournal(SystemClock())
        self.models = Priced(self.reply)
        self.looked = 0
        self._left: dict[str, list[Said]] = {}

    async def reply(self, request: ModelRequest) -> ModelReply:
        said = self._left[request.model].pop(0)
        if said is None:
            await asyncio.Event().wait()
        if isinstance(said, Exception):
            raise said
        reply = said if isinstance(said, ModelReply) else ModelReply(text=str(said))
        usage = Usage(input_tokens=10, output_tokens=5)
        return ModelReply(
            text=reply.text, tool_calls=reply.tool_calls, finish=reply.finish, usage=usage,
            cost_micros=COST[request.model], model=request.model,
        )  # fmt: skip

    async def _look(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.looked += 1
        return {"rows": [1]}

    def says(self, script: Mapping[str, Sequence[Said]]) -> None:
        self._left = {model: list(said) for model, said in script.items()}

    def engine(self) -> Any:
        tools = FunctionTools({"look": FunctionTool(function=self._look)})
        return running_engine(
            journal=self.journal, models=self.models, tools=tools, agents=(self.agent,), loop=ReducerLoop()
        )

    async def run(
        self, script: Mapping[str, Sequence[Said]], *, cap: int | None = None, budget: int | None = None
    ) -> RunView:
        """How it ends; decided again it ends the same, and read again it says the same."""
        self.says(script)
        async with self.engine() as engine:
            self.run_id = await engine.runs.create(WS, new(cap, budget))
            view = await asyncio.wait_for(engine.runs.wait(WS, self.run_id), 120)
        await told(self.journal, self.run_id)
        return view

    async def compared(self) -> list[ev.DraftsCompared]:
        events = [ev.decode(one) for one in await whole(self.journal, self.run_id)]
        return [one for one in events if isinstance(one, ev.DraftsCompared)]

    def asked(self) -> list[str]:
        return [request.model for request in self.models.requests]


class Priced(ScriptedModels):
    """Of `prices` the strong model's alone counts: it is asked for what it would have cost."""

    def __init__(self, script: Any) -> None:
        super().__init__(script, model="x/default")
        self.prices = {BIG: (5, 10)}

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return WORST.get(request.model, 0)


def new(cap: int | None = None, budget: int | None = None) -> NewRun:
    task = PlanTask(id="a", objective="write", skill="letters", criteria=(), budget_micros=cap)
    return NewRun(goal="Write.", plan=(task,), budget_micros=budget)


def text_of(view: RunView) -> str:
    assert view.status is RunStatus.SUCCEEDED, (view.error_code, view.error)
    assert view.answer is not None
    return view.answer.text


async def test_what_two_cheap_models_agree_on_stands_and_the_strong_one_is_not_asked() -> None:
    shop = Shop()
    view = await shop.run({A: ["It is Ana."], B: ["it is  ana"]})
    assert text_of(view) == "It is Ana."
    assert sorted(shop.asked()) == [A, B]
    (said,) = await shop.compared()
    assert (said.turn, said.chosen, said.said, said.strong_micros) == (1, A, ("agrees", "agrees"), INSTEAD)
    saved = CascadeView(cheap_turns=1, drafts_micros=5, strong_micros=INSTEAD, saved_micros=INSTEAD - 5)
    assert view.cascade == view.tasks[0].cascade == saved
    assert view.cost_micros == 5


async def test_where_they_differ_the_strong_model_says_it_and_nothing_is_saved() -> None:
    shop = Shop()
    view = await shop.run({A: ["It is Ana."], B: ["It is Eva."], BIG: ["It is Luz."]})
    assert text_of(view) == "It is Luz."
    assert view.cascade == CascadeView(strong_turns=1, drafts_micros=5, strong_micros=0, saved_micros=-5)
    assert view.cost_micros == 5 + COST[BIG]
    assert shop.models.requests[-1].messages == shop.models.requests[0].messages


async def test_each_turn_is_compared_anew_and_a_wished_tool_is_called_once() -> None:
    shop = Shop()
    first, other = wish(text="Let me see.", q="who", n=1), wish(text="I look.", n=1, q="who")
    view = await shop.run({A: [first, "Ana"], B: [other, "Eva"], BIG: ["Ana"]})
    assert (text_of(view), shop.looked) == ("Ana", 1)
    assert [(one.turn, one.agreed) for one in await shop.compared()] == [(1, True), (2, False)]
    assert view.cascade is not None
    assert (view.cascade.cheap_turns, view.cascade.strong_turns) == (1, 1)


async def test_two_of_three_are_enough() -> None:
    shop = Shop(cheap(A, B, C))
    assert text_of(await shop.run({A: ["Eva"], B: ["Ana"], C: ["Ana!"]})) == "Ana"
    (said,) = await shop.compared()
    assert (said.chosen, said.said) == (B, ("differs", "agrees", "agrees"))


async def test_models_that_are_wrong_together_are_found_by_verification_and_the_strong_one_tries_again() -> (
    None
):
    policy = Policy(check="policy", forbid=("guaranteed",))
    shop = Shop(cheap(verify=True), criteria=(policy,))
    view = await shop.run({A: ["It is guaranteed."], B: ["It is guaranteed."], BIG: ["It is likely."]})
    assert text_of(view) == "It is likely."
    assert view.cascade == CascadeView(strong_turns=1, drafts_micros=5, strong_micros=0, saved_micros=-5)


async def test_models_that_are_wrong_together_stand_where_nobody_verifies() -> None:
    assert text_of(await Shop().run({A: ["2 + 2 = 5"], B: ["2 + 2 = 5"]})) == "2 + 2 = 5"


CUT = ModelReply(text="It is", finish="length")
REFUSED = ModelReply(text="It is Ana.", finish="refused")
AWAY = ModelUnavailable("it is away", code="model.unavailable")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (AWAY, "failed"),
        (CUT, "cut"),
        (REFUSED, "refused"),
        (" ", "unusable"),
        (wish("unknown"), "unusable"),
        (ModelReply(text="", tool_calls=(ToolCall(id="", name="look", arguments=None),)), "unusable"),
    ],
)
async def test_whatever_a_cheap_model_does_but_agree_the_strong_one_is_asked(said: Said, word: str) -> None:
    shop = Shop()
    assert text_of(await shop.run({A: ["It is Ana."], B: [said], BIG: ["It is Luz."]})) == "It is Luz."
    (compared,) = await shop.compared()
    assert (compared.code, compared.said) == ("alone", ("differs", word))


async def test_two_that_break_the_schema_in_the_same_way_do_not_agree() -> None:
    schema = {"type": "object", "required": ["name"]}
    shop = Shop(cheap(agree="json"), output_schema=schema)
    good = canonical.dumps({"name": "Ana"})
    view = await shop.run({A: ['{"nom": 1}'], B: ['{"nom": 1}'], BIG: [good]})
    assert view.status is RunStatus.SUCCEEDED
    (compared,) = await shop.compared()
    assert compared.said == ("unusable", "unusable")


@pytest.mark.parametrize(
    ("agree", "one", "other", "agreed"),
    [
        ("exact", "Ana", "Ana", True),
        ("exact", "Ana", "ana", False),
        ("exact", wish(text="a", q=1), wish(text="b", q=1), False),
        ("text", "«Ana»", "ana.", True),
        ("text", "12", "13", False),
        ("text", wishes("a", "b"), wishes("b", "a"), True),
        ("text", wishes("a"), wishes("a", "a"), False),
        ("text", wish(q="a"), wish(q="b"), False),
        ("json", '{"a": 1, "b": [2]}', '```json\n{"b":[2.0],"a":1}\n```', True),
        ("json", '{"a": "Ana"}', '{"a": "ana"}', False),
        ("json", "Ana", "Ana", False),
        ("tool_calls", wish(text="a", q=1), wish(text="b", q=1), True),
        ("tool_calls", "Ana", "Ana", False),
    ],
)
async def test_what_counts_as_the_same(agree: Agree, one: Said, other: Said, agreed: bool) -> None:
    shop = Shop(cheap(agree=agree), max_turns=1)
    await shop.run({A: [one], B: [other], BIG: ["Luz"]})
    assert [said.agreed for said in await shop.compared()] == [agreed]


async def test_a_cheap_model_that_is_too_dear_for_the_task_does_not_count_and_the_cap_holds() -> None:
    shop = Shop()
    dear = WORST | {B: 500}
    shop.models.worst_case_micros = lambda request: dear[request.model]
    view = await shop.run({A: ["Ana"], BIG: ["Luz"]}, cap=200)
    assert text_of(view) == "Luz"
    (compared,) = await shop.compared()
    assert compared.said == ("differs", "dear")
    assert view.cost_micros == COST[A] + COST[BIG]


async def test_where_the_strong_model_cannot_be_paid_the_task_fails_or_the_run_does() -> None:
    view = await Shop().run({A: ["Ana"], B: ["Eva"]}, cap=50)
    assert (view.status, view.error_code, view.cost_micros) == (RunStatus.FAILED, "budget.exhausted", 5)
    view = await Shop().run({A: ["Ana"], B: ["Eva"]}, budget=50)
    assert (view.status, view.error_code, view.cost_micros) == (RunStatus.FAILED, "budget.exhausted", 5)
    shop = Shop()
    view = await shop.run({}, budget=5)
    assert (view.error_code, shop.asked()) == ("budget.exhausted", [])


async def test_with_money_for_one_draft_at_a_time_they_are_asked_one_after_the_other() -> None:
    shop = Shop()
    view = await shop.run({A: ["Ana"], B: ["Ana"]}, budget=12)
    assert (text_of(view), shop.asked(), view.cost_micros) == ("Ana", [A, B], 5)


async def test_a_draft_that_a_crash_cut_off_is_asked_again_and_the_other_one_stands() -> None:
    shop = Shop()
    shop.says({A: ["Ana"], B: [None]})
    async with shop.engine() as engine:
        shop.run_id = await engine.runs.create(WS, new())

        async def one_is_there() -> bool:
            events = await whole(shop.journal, shop.run_id)
            return any(one.type == "CallSucceeded" for one in events)

        await eventually(one_is_there)
    shop.says({B: ["Ana"]})
    async with shop.engine() as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, shop.run_id), 120)
    await told(shop.journal, shop.run_id)
    assert text_of(view) == "Ana"
    assert view.cascade is not None
    assert (view.cascade.cheap_turns, view.cascade.drafts_micros) == (1, COST[A] + WORST[B] + COST[B])


async def test_a_price_that_nobody_knows_makes_the_saving_unknown_and_not_nothing() -> None:
    shop = Shop()
    shop.models.prices = {}
    view = await shop.run({A: ["Ana"], B: ["Ana"]})
    assert view.cascade == CascadeView(cheap_turns=1, drafts_micros=5, strong_micros=None, saved_micros=None)


POLICY = Policy(check="policy", forbid=("guaranteed",))


async def test_a_single_cheap_model_keeps_what_is_verified() -> None:
    shop = Shop(cheap(A, verify=True), criteria=(POLICY,))
    view = await shop.run({A: ["It is likely."]})
    assert (text_of(view), shop.asked()) == ("It is likely.", [A])
    assert view.cascade == CascadeView(
        cheap_turns=1, drafts_micros=2, strong_micros=INSTEAD, saved_micros=INSTEAD - 2
    )


@pytest.mark.parametrize(
    ("said", "turns"),
    [(["It is guaranteed."], 8), ([AWAY, AWAY], 8), ([CUT, CUT], 8), ([REFUSED], 8), ([wish()], 1)],
)
async def test_what_a_single_cheap_model_does_not_do_the_strong_one_does(
    said: list[Said], turns: int
) -> None:
    shop = Shop(cheap(A, verify=True), criteria=(POLICY,), max_turns=turns)
    view = await shop.run({A: said, BIG: ["It is likely."]})
    assert (text_of(view), shop.asked()[-1]) == ("It is likely.", BIG)
    assert view.cascade is not None
    assert (view.cascade.cheap_turns, view.cascade.strong_turns, view.cascade.strong_micros) == (0, 1, 0)


async def test_no_cheap_model_judges_itself() -> None:
    judge = Judge(check="judge", rubric="It is polite.")
    shop = Shop(cheap(A, verify=True), criteria=(judge,))
    verdict = canonical.dumps({"passed": True, "score": 1, "reason": "so"})
    await shop.run({A: ["Dear guest,"], BIG: [verdict]})
    assert shop.asked() == [A, BIG]


async def test_guardrails_hold_over_what_cheap_models_agree_on() -> None:
    shop = Shop(guardrails=(Guardrail(check="pii", on="output", on_fail="fix"),))
    view = await shop.run({A: ["Ask ana@example.org"], B: ["Ask ana@example.org"]})
    assert text_of(view) == "Ask [email]"


async def test_a_fork_with_another_model_asks_that_one_alone() -> None:
    shop = Shop()
    await shop.run({A: ["Ana"], B: ["Eva"], BIG: ["Luz"]})
    seq = next(one.seq for one in await whole(shop.journal, shop.run_id) if one.type == "DraftsCompared")
    shop.says({"x/big": ["Sol"]})
    async with shop.engine() as engine:
        fork = await engine.control.fork(WS, shop.run_id, NewFork(seq=seq, model=BIG))
        view = await asyncio.wait_for(engine.runs.wait(WS, fork), 120)
    await told(shop.journal, fork)
    assert text_of(view) == "Sol"
    assert view.cascade is None


async def test_a_fork_between_two_drafts_asks_the_open_one_again_and_claims_no_saving_of_others() -> None:
    shop = Shop()
    await shop.run({A: ["Ana"], B: ["Ana"]})
    seq = next(one.seq for one in await whole(shop.journal, shop.run_id) if one.type == "CallSucceeded")
    shop.says({A: ["Ana"], B: ["Ana"]})
    asked = len(shop.asked())
    async with shop.engine() as engine:
        fork = await engine.control.fork(WS, shop.run_id, NewFork(seq=seq))
        view = await asyncio.wait_for(engine.runs.wait(WS, fork), 120)
    await told(shop.journal, fork)
    assert (text_of(view), shop.asked()[asked:]) == ("Ana", [B])
    assert view.cascade == CascadeView(cheap_turns=1, drafts_micros=3, strong_micros=0, saved_micros=-3)


async def test_a_task_that_is_retried_is_drafted_anew_and_its_books_begin_anew() -> None:
    shop = Shop()
    await shop.run({A: ["Ana"], B: ["Eva"]}, cap=50)
    shop.says({A: ["Ana"], B: ["Ana"]})
    async with shop.engine() as engine:
        again = await engine.control.retry(WS, shop.run_id)
        view = await asyncio.wait_for(engine.runs.wait(WS, again), 120)
    await told(shop.journal, again)
    assert text_of(view) == "Ana"
    assert view.cascade is not None
    assert (view.cascade.cheap_turns, view.cascade.drafts_micros) == (1, 5)


def test_an_estimate_counts_all_models_that_a_turn_may_ask() -> None:
    shop = Shop()
    assert turn_prices(shop.models, [shop.agent]) == {shop.agent.ref(): 120}
