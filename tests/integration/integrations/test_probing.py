"""Models that can do everything, or next to nothing, asked by probes over HTTP; and calls that go by that."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.model_access import CAPABILITIES, Capabilities
from flowmatik.contracts.models import Message, ModelReply, ModelRequest, TextDelta, ToolCall, ToolSchema
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.integrations.probing.adapting import Adapted
from flowmatik.integrations.probing.probing import ask_all, cost_of
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.kernel.errors import ModelRejected
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse
from tests.integration.integrations.support import MODEL, gateway
from tests.unit.integrations.layers.support import HandClock

PARIS = ToolUse(name="get_weather", arguments='{"city": "Paris"}', id="a")
ROME = ToolUse(name="get_weather", arguments='{"city": "Rome"}', id="b")
KIWI = Step(when="single word kiwi", text="Kiwi.")
COUNTED = Step(when="one to twenty", text=", ".join(f"number{n}" for n in range(20)))
ABLE = (
    Step(when="get_weather", text="", tools=(PARIS, ROME), finish="tool_calls"),
    KIWI,
    Step(when="json_schema", text='{"sum": 4}'),
    COUNTED,
    Step(when="Which colour", text="Red."),
    Step(text="Yes."),
)
REFUSES_TOOLS = Step(when='"tools"', kind="error", status=400, message="this model does not support tools")
REFUSES_SCHEMAS = Step(
    when="response_format", kind="error", status=400, message="response_format json_schema is not supported"
)
SAID_IN_PROSE = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>'
WEATHER = ToolSchema(name="get_weather", description="Weather.", parameters={"type": "object"})


@pytest.fixture
async def probes(tmp_path: Path) -> AsyncIterator[StoredProbes]:
    await upgrade(str(tmp_path / "journal.db"))
    store = SqliteStore(str(tmp_path / "journal.db"))
    yield StoredProbes(SqliteDatabase(store), HandClock())
    await store.close()


async def probed(opened: Gateway, probes: StoredProbes) -> Capabilities:
    return await probes.put("w", MODEL, await ask_all(opened.bare(MODEL)[1], MODEL, "w"))


def able(found: Capabilities) -> dict[str, bool | None]:
    return {name: found.able(name) for name in CAPABILITIES}


def ask(**changes: Any) -> ModelRequest:
    said = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Weather in Paris?"),
    )
    return replace(ModelRequest(model=MODEL, messages=said, timeout=20.0, workspace_id="w"), **changes)


async def test_a_model_that_can_do_everything_is_seen_to(probes: StoredProbes) -> None:
    with OpenAIServer(*ABLE) as server:
        async with gateway(server, HandClock(), prices={"some-model": (1.0, 1.0)}) as opened:
            most = cost_of(opened.bare(MODEL)[1], MODEL, "w")
            found = await probed(opened, probes)
            assert set(able(found).values()) == {True}
            assert len(server.calls) == len(ABLE) < most.calls
    assert found.cost_micros == 18 * len(ABLE)
    assert (most.most_micros or 0) > 18 * len(ABLE)
    assert await probes.get("w", MODEL) == found
    assert await probes.get("other", MODEL) is None


async def test_a_model_that_can_do_next_to_nothing_is_seen_to_with_the_reasons(probes: StoredProbes) -> None:
    server_steps = (
        replace(REFUSES_TOOLS),
        replace(REFUSES_SCHEMAS),
        Step(when="one to twenty", text="one, two", streams="refused"),
        Step(text="Yes.", usage=None),
    )
    with OpenAIServer(*server_steps) as server:
        async with gateway(server, HandClock()) as opened:
            found = await probed(opened, probes)
    assert able(found) == {
        "answers": True,
        "system": False,
        "tools": False,
        "parallel_tools": False,
        "json_schema": False,
        "stream": False,
        "stream_usage": True,
        "vision": False,
    }
    assert any("does not support tools" in one.why for one in found.verdicts)
    assert found.cost_micros is None, "it did not say what it used"


async def test_calls_in_the_text_and_a_call_at_a_time_are_told_apart(probes: StoredProbes) -> None:
    prose = (Step(when="get_weather", text=SAID_IN_PROSE), *ABLE[1:])
    single = (replace(ABLE[0], tools=(PARIS,)), *ABLE[1:])
    for steps, expected, why in (
        (prose, (False, False), "its text"),
        (single, (True, False), "one at a time"),
    ):
        with OpenAIServer(*steps) as server:
            async with gateway(server, HandClock()) as opened:
                found = await probed(opened, probes)
        assert (found.able("tools"), found.able("parallel_tools")) == expected
        assert any(why in one.why for one in found.verdicts)


async def test_a_wrong_key_says_nothing_about_the_model(probes: StoredProbes) -> None:
    with OpenAIServer(*ABLE, key="another") as server:
        async with gateway(server, HandClock()) as opened:
            with pytest.raises(ModelRejected):
                await probed(opened, probes)
    assert await probes.get("w", MODEL) is None


async def test_a_model_without_tools_is_told_of_them_in_words_and_its_calls_are_read(
    probes: StoredProbes,
) -> None:
    steps = (REFUSES_TOOLS, Step(when="Result of get_weather", text="Sunny."), Step(text=SAID_IN_PROSE))
    with OpenAIServer(*steps) as server:
        async with gateway(server, HandClock()) as opened:
            adapted = Adapted(opened, probes, HandClock())
            first = await adapted.complete(ask(tools=(WEATHER,)))
            [call] = first.tool_calls
            assert (call.name, call.arguments, first.finish) == (
                "get_weather",
                {"city": "Paris"},
                "tool_calls",
            )
            assert len(server.calls) == 2, "refused once, then told in words"
            asked = ask(tools=(WEATHER,))
            talk = (
                *asked.messages,
                Message(role="assistant", tool_calls=(ToolCall(id="1", name="get_weather", arguments={}),)),
                Message(role="tool", content="sunny", tool_call_id="1", name="get_weather"),
            )
            items = [item async for item in adapted.stream(replace(asked, messages=talk))]
            assert len(server.calls) == 3, "what was refused once is not tried again"
            assert "tools" not in server.calls[-1]["body"]
    assert items[0] == TextDelta(text="Sunny.")
    assert isinstance(items[-1], ModelReply)
    noted = await probes.get("w", MODEL)
    assert noted is not None
    assert noted.able("tools") is False


async def test_a_model_without_schemas_is_asked_for_json_in_words(probes: StoredProbes) -> None:
    with OpenAIServer(REFUSES_SCHEMAS, Step(text='Here it is: {"sum": 4}')) as server:
        async with gateway(server, HandClock()) as opened:
            adapted = Adapted(opened, probes, HandClock())
            reply = await adapted.complete(ask(output_schema={"type": "object"}))
            assert reply.text == '{"sum": 4}'
            items = [item async for item in adapted.stream(ask(output_schema={"type": "object"}))]
            assert items == [TextDelta(text='{"sum": 4}'), items[-1]]
            assert len(server.calls) == 3


async def test_other_refusals_are_no_news_about_the_model(probes: StoredProbes) -> None:
    with OpenAIServer(Step(kind="error", status=400, message="you asked for something odd")) as server:
        async with gateway(server, HandClock()) as opened:
            with pytest.raises(ModelRejected):
                await Adapted(opened, probes, HandClock()).complete(ask(tools=(WEATHER,)))
    assert await probes.get("w", MODEL) is None


async def test_what_was_found_out_long_ago_is_gone_by_no_more(tmp_path: Path) -> None:
    await upgrade(str(tmp_path / "journal.db"))
    store, clock = SqliteStore(str(tmp_path / "journal.db")), HandClock()
    old = StoredProbes(SqliteDatabase(store), clock)
    await old.contradict("w", MODEL, "tools", "refused")
    with OpenAIServer(Step(text="Yes.")) as server:
        async with gateway(server, HandClock()) as opened:
            await Adapted(opened, old, clock).complete(ask(tools=(WEATHER,)))
            assert "tools" not in server.calls[-1]["body"]
            clock.jump(86_401)
            await Adapted(opened, old, clock).complete(ask(tools=(WEATHER,)))
            assert "tools" in server.calls[-1]["body"]
    assert await old.forget("w") == 1
    await store.close()


async def test_a_reservation_covers_the_request_in_words_too(probes: StoredProbes) -> None:
    async with gateway("http://127.0.0.1:9/v1", HandClock(), prices={"some-model": (1.0, 1.0)}) as opened:
        adapted = Adapted(opened, probes, HandClock())
        plain, with_tools = ask(), ask(tools=(WEATHER,))
        assert adapted.worst_case_micros(plain) == opened.worst_case_micros(plain)
        worst = adapted.worst_case_micros(with_tools) or 0
        assert worst > (opened.worst_case_micros(with_tools) or 0)
