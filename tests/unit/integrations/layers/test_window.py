"""Requests that are too long for their model: cut, summarised, or refused, and what that costs."""

from typing import Any

import pytest

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, Usage
from flowmatik.integrations.layers.fitting import fitted
from flowmatik.integrations.layers.overflow import is_overflow, window_in
from flowmatik.integrations.layers.settings import ContextSettings
from flowmatik.integrations.layers.summaries import Summaries
from flowmatik.integrations.layers.tokens import prompt_tokens, tokens_in, tokens_of
from flowmatik.integrations.layers.windowed import Windowed
from flowmatik.kernel.errors import ConfigurationError, ModelRejected, ModelUnavailable
from flowmatik.testing.models import ScriptedModels
from tests.unit.integrations.layers.support import REPLY, Provider, ask, call, result

SYSTEM = Message(role="system", content="You are careful.")
GOAL = Message(role="user", content="Find the five contracts.")
LAST = Message(role="user", content="And who signed them?")
LONG = "The contract says many things at length. " * 25


def talk(rounds: int) -> tuple[Message, ...]:
    exchanges = [message for n in range(rounds) for message in (call(n), result(n, f"{n}: {LONG}"))]
    return (SYSTEM, GOAL, *exchanges)


def refusing(window: int, said: str) -> Any:
    """A model that refuses what its window does not hold, by its own measure."""

    def answer(request: ModelRequest) -> ModelReply:
        if prompt_tokens(request) + request.max_output_tokens > window:
            raise ModelRejected(said, context={"status": 400, "reply": said})
        return REPLY

    return answer


@pytest.mark.parametrize("room", [900, 1500, 2400])
def test_the_oldest_exchanges_go_whole_and_what_matters_stays(room: int) -> None:
    messages = talk(12)
    cut = fitted(messages, room, lambda tokens: tokens)
    assert cut is not None
    assert sum(map(tokens_of, cut.kept)) < room
    assert cut.kept[:2] == (SYSTEM, GOAL)
    assert cut.kept[-2:] == messages[-2:], "the newest exchange is what it works on"
    called = {use.id for message in cut.kept for use in message.tool_calls}
    answered = {message.tool_call_id for message in cut.kept if message.role == "tool"}
    assert called == answered
    assert (*cut.kept[:2], *cut.left_out, *cut.kept[2:]) == messages


def test_the_last_word_of_a_person_stays_with_what_follows_it() -> None:
    chat = [
        message
        for n in range(6)
        for message in (
            Message(role="user", content=f"{n}: {LONG}"),
            Message(role="assistant", content=f"{n}: {LONG}"),
        )
    ]
    messages = (SYSTEM, GOAL, *chat, LAST, call(1), result(1, "Ana"))
    cut = fitted(messages, 700, lambda tokens: tokens)
    assert cut is not None
    assert cut.kept[:2] == (SYSTEM, GOAL)
    assert cut.kept[-3:] == messages[-3:]
    assert cut.left_out


def test_long_results_are_shortened_in_the_middle_when_nothing_else_is_left() -> None:
    messages = (SYSTEM, GOAL, call(1), result(1, "FIRST " + LONG * 20 + " LAST"))
    cut = fitted(messages, 1500, lambda tokens: tokens)
    assert cut is not None
    assert cut.shortened > 0
    assert cut.kept[-1].content.startswith("FIRST")
    assert cut.kept[-1].content.endswith("LAST")
    assert "left out in the middle" in cut.kept[-1].content


def test_what_must_stay_is_never_cut() -> None:
    long_goal = Message(role="user", content=LONG * 50)
    assert fitted((SYSTEM, long_goal), 500, lambda tokens: tokens) is None


async def test_trimming_tells_the_model_how_much_it_does_not_see() -> None:
    inner = Provider(lambda request: REPLY)
    layer = Windowed(inner, ContextSettings(tokens=2000, policy="trim"))
    assert (await layer.complete(ask(*talk(12)))).text == "Yes."
    [sent] = inner.requests
    assert prompt_tokens(sent) + sent.max_output_tokens <= 2000
    [note] = [message.content for message in sent.messages if "left out here" in message.content]
    assert "results of tools" in note
    assert sent.messages[2].content == note, "it stands where the messages stood"


async def test_what_fits_is_sent_as_it_is() -> None:
    inner = Provider(lambda request: REPLY)
    request = ask(*talk(2))
    await Windowed(inner, ContextSettings(tokens=50_000, policy="trim")).complete(request)
    assert inner.requests == [request]


async def test_a_refusal_says_how_much_there_is_and_how_much_there_may_be() -> None:
    inner = Provider(lambda request: REPLY)
    layer = Windowed(inner, ContextSettings(tokens=1000, policy="refuse"))
    with pytest.raises(ModelRejected, match="1000") as caught:
        await layer.complete(ask(*talk(12)))
    assert caught.value.code == "model.context_overflow"
    assert not inner.requests, "nothing was sent"


@pytest.mark.parametrize(
    ("said", "window"),
    [
        ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", 8192),
        ("This endpoint's maximum context length is 32,768 tokens.", 32768),
        ("prompt is too long: 205000 tokens > 200000 maximum", 200000),
        ("the request exceeds the available context size (4096 tokens), try increasing it", 4096),
        ("Prompt contains 40000 tokens, too large for model with context window of 32768", 32768),
        ("Your input exceeds the context window of this model.", None),
    ],
)
def test_the_vendors_words_tell_the_window(said: str, window: int | None) -> None:
    error = ModelRejected(said, context={"status": 400, "reply": said})
    assert is_overflow(error)
    assert window_in(error) == window


def test_other_refusals_are_no_overflow() -> None:
    for said, status in (("unknown model", 404), ("max_tokens is too large", 400), ("context length", 401)):
        assert not is_overflow(ModelRejected(said, context={"status": status}))


async def test_a_window_that_nobody_knew_is_learned_from_the_refusal() -> None:
    inner = Provider(refusing(2000, "This model's maximum context length is 2000 tokens."))
    layer = Windowed(inner, ContextSettings(policy="trim"))
    assert (await layer.complete(ask(*talk(12)))).text == "Yes."
    assert layer.window == 2000
    assert len(inner.requests) == 2
    await layer.complete(ask(*talk(12)))
    assert len(inner.requests) == 3, "the next one is cut before it is sent"


async def test_a_refusal_without_a_number_is_answered_by_cutting_more() -> None:
    inner = Provider(refusing(3000, "Your input exceeds the context window of this model."))
    layer = Windowed(inner, ContextSettings(policy="trim"))
    assert (await layer.complete(ask(*talk(12)))).text == "Yes."
    assert len(inner.requests) <= 3


async def test_a_stream_is_cut_and_sent_again_before_its_first_piece() -> None:
    inner = Provider(refusing(2000, "This model's maximum context length is 2000 tokens."))
    layer = Windowed(inner, ContextSettings(policy="trim"))
    items = [item async for item in layer.stream(ask(*talk(12)))]
    assert items[-1] == REPLY


async def test_listed_windows_are_looked_up_once_and_the_smaller_one_counts() -> None:
    asked: list[int] = []

    def known() -> int:
        asked.append(1)
        return 6000

    inner = Provider(refusing(2000, "maximum context length is 2000 tokens"))
    layer = Windowed(inner, ContextSettings(policy="trim"), known=known)
    for _ in range(3):
        await layer.complete(ask(*talk(12)))
    assert (layer.window, len(asked)) == (2000, 1)


async def test_the_estimate_follows_what_the_model_really_counts() -> None:
    """A model that counts a third of what we estimate is soon sent three times as much."""

    def counts(request: ModelRequest) -> ModelReply:
        return ModelReply(text="x", usage=Usage(input_tokens=prompt_tokens(request) // 3, output_tokens=1))

    inner = Provider(counts)
    layer = Windowed(inner, ContextSettings(tokens=2500, policy="trim"))
    for _ in range(2):
        await layer.complete(ask(*talk(12)))
    first, second = (len(request.messages) for request in inner.requests)
    assert second > first


def summariser(cost: int | None, worst: int | None = 500) -> ScriptedModels:
    reply = ModelReply(
        text="Contracts 0 to 3 are valid.", usage=Usage(input_tokens=50, output_tokens=9), cost_micros=cost
    )
    return ScriptedModels(lambda request: reply, worst_micros=worst)


def summarising(inner: Provider, cheap: ScriptedModels) -> Windowed:
    settings = ContextSettings(tokens=2000, policy="summarise", summariser="near/cheap")
    return Windowed(inner, settings, Summaries(lambda: cheap, "near/cheap"))


async def test_a_summary_takes_the_place_of_what_it_sums_up_and_is_paid_with_the_call() -> None:
    inner, cheap = Provider(lambda request: REPLY, worst_micros=1000), summariser(30)
    layer = summarising(inner, cheap)
    request = ask(*talk(12))
    reply = await layer.complete(request)
    assert (reply.cost_micros, reply.usage.input_tokens) == (37, 60)
    assert any("Contracts 0 to 3" in message.content for message in inner.requests[0].messages)
    assert (layer.worst_case_micros(request) or 0) >= 1000 + 500, "the reservation covers both"
    assert cheap.requests[0].workspace_id == "w"


async def test_the_same_summary_is_not_paid_twice() -> None:
    inner, cheap = Provider(lambda request: REPLY), summariser(30)
    layer = summarising(inner, cheap)
    costs = [(await layer.complete(ask(*talk(12)))).cost_micros for _ in range(3)]
    assert costs == [37, 7, 7]
    assert len(cheap.requests) == 1


async def test_without_a_known_price_of_the_summary_there_is_no_bound() -> None:
    layer = summarising(Provider(lambda request: REPLY, worst_micros=1000), summariser(None, worst=None))
    assert layer.worst_case_micros(ask(*talk(12))) is None
    assert layer.worst_case_micros(ask(GOAL)) == 1000, "here there is nothing to sum up"
    assert (await layer.complete(ask(*talk(12)))).cost_micros is None


async def test_a_summariser_that_fails_leaves_the_call_trimmed() -> None:
    def fails(request: ModelRequest) -> ModelReply:
        raise ModelUnavailable("gone", context={"status": "not_sent"})

    inner = Provider(lambda request: REPLY)
    reply = await summarising(inner, ScriptedModels(fails)).complete(ask(*talk(12)))
    assert reply.cost_micros == 7
    assert any("left out here" in message.content for message in inner.requests[0].messages)


async def test_a_summary_that_may_have_been_charged_makes_the_cost_unknown() -> None:
    def cut_off(request: ModelRequest) -> ModelReply:
        raise ModelUnavailable("broke off")

    inner = Provider(lambda request: REPLY)
    reply = await summarising(inner, ScriptedModels(cut_off)).complete(ask(*talk(12)))
    assert reply.cost_micros is None


async def test_a_call_that_fails_after_a_paid_summary_is_no_free_failure() -> None:
    def refused(request: ModelRequest) -> ModelReply:
        raise ModelUnavailable("busy", context={"status": 503})

    with pytest.raises(ModelUnavailable) as caught:
        await summarising(Provider(refused), summariser(30)).complete(ask(*talk(12)))
    assert "status" not in caught.value.context


def test_a_policy_that_sums_up_names_who_does() -> None:
    with pytest.raises(ConfigurationError, match="summariser"):
        ContextSettings(policy="summarise")


def test_random_characters_and_pictures_are_many_tokens() -> None:
    assert tokens_in("aGVsbG8gd29ybGQ" * 20) >= 200
    assert tokens_in("😀" * 100) >= 280
    assert tokens_in("word " * 100) <= 200
