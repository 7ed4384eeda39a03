"""/v1/chat/completions, as the official `openai` client uses it: what it answers, what that costs, and who
pays."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.budgets import Budget
from flowmatik.contracts.ledger import Booking, CostQuery
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse
from tests.unit.core.engines import eventually

SETTINGS = """
[embeddings]
enabled = false
[prices]
"custom/scripted" = { input = 1.0, output = 2.0 }
"""
WS = "default"
MODEL = "custom/scripted"
ASK: Any = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Of a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
    },
}
COST = 11 * 1 + 7 * 2  # micro-dollars, of the usage that the scripted server reports


@dataclass(slots=True, kw_only=True)
class Place:
    platform: Platform
    model: OpenAIServer
    url: str
    key: str

    open: list[AsyncOpenAI] = field(default_factory=lambda: [])

    def client(self, key: str = "", *, retries: int = 0) -> AsyncOpenAI:
        client = AsyncOpenAI(
            base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=retries, timeout=120
        )
        self.open.append(client)
        return client

    async def key_with(self, *scopes: str) -> str:
        return (await self.platform.identity.create_key(self.platform.principal, "k", scopes)).secret

    async def booked(self) -> list[Booking]:
        return list((await self.platform.ledger.bookings(WS, CostQuery())).items)

    async def balanced(self) -> None:
        assert (await self.platform.ledger.check(WS)).differences == ()


@asynccontextmanager
async def served(folder: Path, *script: Step) -> AsyncGenerator[Place]:
    (folder / "flowmatik.toml").write_text(SETTINGS)
    with OpenAIServer(*script) as model:
        named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": MODEL}
        async with (
            open_platform(load_settings(folder, named), recover_all=False) as platform,
            serve_platform(platform, host="127.0.0.1", port=0) as serving,
        ):
            place = Place(platform=platform, model=model, url=serving.url, key="")
            place.key = await place.key_with("models:call")
            try:
                yield place
            finally:
                for client in place.open:
                    await client.close()


async def test_a_completion_is_answered_priced_and_booked_for_whose_key_it_was(tmp_path: Path) -> None:
    async with served(tmp_path, Step(text="Hi.", cached=4)) as place:
        raw = await place.client().chat.completions.with_raw_response.create(
            model=MODEL, messages=ASK, user="someone", n=1, top_p=1
        )
        told = raw.parse()
        assert (told.choices[0].message.content, told.choices[0].finish_reason) == ("Hi.", "stop")
        assert told.usage is not None
        assert (told.usage.prompt_tokens, told.usage.completion_tokens, told.usage.total_tokens) == (
            11,
            7,
            18,
        )
        assert raw.headers["x-flowmatik-cost-usd"] == "0.000025"
        assert raw.headers["x-flowmatik-model"] == MODEL
        assert 0 < float(raw.headers["x-flowmatik-overhead-ms"]) < 60_000
        assert [one["role"] for one in place.model.calls[0]["body"]["messages"]] == ["system", "user"]
        last = (await place.booked())[-1]
        assert (last.purpose, last.kind, last.spent_micros) == ("api", "settled", COST)
        assert last.user.startswith("key_")
        await place.balanced()


async def test_our_own_time_leaves_out_that_of_the_provider(tmp_path: Path) -> None:
    async with served(tmp_path, Step(), Step(seconds=1.0), Step(first_seconds=1.0)) as place:
        client = place.client()
        await client.chat.completions.create(model=MODEL, messages=ASK)  # loads what there is to load
        raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
        assert float(raw.headers["x-flowmatik-overhead-ms"]) < 900
        streamed = await client.chat.completions.with_raw_response.create(
            model=MODEL, messages=ASK, stream=True
        )
        assert float(streamed.headers["x-flowmatik-overhead-ms"]) < 900


async def test_tools_are_called_and_answered(tmp_path: Path) -> None:
    use = ToolUse(name="weather", arguments='{"town": "Jaén"}', id="call_9")
    async with served(
        tmp_path, Step(text="", tools=(use,), finish="tool_calls"), Step(text="Sunny.")
    ) as place:
        client = place.client()
        told = await client.chat.completions.create(
            model=MODEL, messages=ASK, tools=[WEATHER], tool_choice="auto"
        )
        [call] = told.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert (told.choices[0].finish_reason, json.loads(call.function.arguments)) == (
            "tool_calls",
            {"town": "Jaén"},
        )
        message: Any = told.choices[0].message.model_dump(exclude_none=True)
        answer: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        told = await client.chat.completions.create(
            model=MODEL, messages=[*ASK, message, answer], tools=[WEATHER]
        )
        assert told.choices[0].message.content == "Sunny."
        sent = place.model.calls[1]["body"]["messages"]
        assert sent[-2]["tool_calls"][0]["function"]["name"] == "weather"
        assert sent[-1]["tool_call_id"] == call.id


async def test_a_stream_ends_with_usage_cost_and_model_and_is_settled(tmp_path: Path) -> None:
    use = ToolUse(name="weather", arguments='{"town": "Jaén"}')
    async with served(tmp_path, Step(text="One two three."), Step(text="", tools=(use,))) as place:
        client = place.client()
        chunks = [
            one
            async for one in await client.chat.completions.create(
                model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
            )
        ]
        text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
        assert text == "One two three."
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == 18
        notes: Any = chunks[-2].model_extra
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert (notes["flowmatik"]["model"], notes["flowmatik"]["cost_usd"]) == (MODEL, "0.000025")
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER], stream=True)
        tools = [one async for one in stream if one.choices[0].delta.tool_calls]
        [call] = tools[0].choices[0].delta.tool_calls or []
        assert call.function is not None
        assert (call.function.name, call.function.arguments) == ("weather", '{"town": "Jaén"}')
        assert [one.spent_micros for one in await place.booked()] == [0, COST, 0, COST]
        await place.balanced()


async def test_a_stream_that_is_cut_says_so_and_costs_what_it_may_have_cost(tmp_path: Path) -> None:
    async with served(tmp_path, Step(text="word " * 100, kind="truncated")) as place:
        seen: list[str] = []
        stream = await place.client().chat.completions.create(
            model=MODEL, messages=ASK, max_tokens=50, stream=True
        )

        async def read() -> None:
            async for one in stream:
                seen.append(one.choices[0].delta.content or "")

        with pytest.raises(openai.APIError) as told:
            await read()
        assert "word" in "".join(seen)
        assert str(told.value.code).startswith("model.")
        last = (await place.booked())[-1]
        assert (last.kind, last.spent_micros == last.estimate_micros > 0) == ("worst_case", True)
        await place.balanced()


async def test_errors_have_the_clients_own_classes_and_our_codes(tmp_path: Path) -> None:
    script = (Step(kind="rate_limited", retry_after=90.0), Step(kind="error", status=400, message="bad tool"))
    async with served(tmp_path, *script) as place:
        client = place.client()
        chat = client.chat.completions
        with pytest.raises(openai.NotFoundError) as unknown:
            await chat.create(model="nobody/this", messages=ASK)
        assert (unknown.value.code, unknown.value.type) == ("model.unknown", "invalid_request_error")
        with pytest.raises(openai.NotFoundError):
            await chat.create(model="nobody/this", messages=ASK, stream=True)
        with pytest.raises(openai.RateLimitError) as limited:
            await chat.create(model=MODEL, messages=ASK)
        assert limited.value.response.headers["retry-after"] == "90"
        assert limited.value.code == "model.unavailable"
        with pytest.raises(openai.BadRequestError) as rejected:
            await chat.create(model=MODEL, messages=ASK)
        assert (rejected.value.code, "bad tool" in rejected.value.message) == ("model.rejected", True)
        assert [one.spent_micros for one in await place.booked()] == [0] * 4, "all of that was free"
        with pytest.raises(openai.AuthenticationError):
            await place.client("fmk_wrong").chat.completions.create(model=MODEL, messages=ASK)
        reader = place.client(await place.key_with("runs:read"))
        with pytest.raises(openai.PermissionDeniedError) as denied:
            await reader.chat.completions.create(model=MODEL, messages=ASK)
        assert denied.value.type == "permission_error"
        for param in (
            {"n": 2},
            {"stop": ["x"]},
            {"tool_choice": "required"},
            {"top_p": 0.5},
            {"logprobs": True},
            {"unheard_of": 1},
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                await chat.create(model=MODEL, messages=ASK, extra_body=param)
            assert (refused.value.code, refused.value.param) == ("input.unsupported", next(iter(param)))
        image: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]
        wrong: Any
        for wrong in (image, [], [{"role": "nobody", "content": "x"}]):
            with pytest.raises(openai.BadRequestError) as invalid:
                await chat.create(model=MODEL, messages=wrong)
            assert str(invalid.value.param).startswith("messages")
        with pytest.raises(openai.APIStatusError) as large:
            await chat.create(model=MODEL, messages=[*ASK, {"role": "user", "content": "x" * 3_000_000}])
        assert (large.value.status_code, large.value.code) == (413, "input.too_large")
        assert len(place.model.calls) == 2


async def test_an_error_that_may_have_cost_something_is_not_tried_again_by_the_client(tmp_path: Path) -> None:
    async with served(tmp_path, Step(kind="malformed")) as place:
        client = place.client(retries=2)
        with pytest.raises(openai.InternalServerError) as told:
            await client.chat.completions.create(model=MODEL, messages=ASK)
        assert told.value.response.headers["x-should-retry"] == "false"
        assert len(place.model.calls) == 1


async def test_a_budget_that_does_not_bear_the_call_refuses_it_unsent(tmp_path: Path) -> None:
    async with served(tmp_path, Step()) as place:
        await place.platform.budgets.put(WS, Budget(scope="workspace/day", limit_micros=100))
        with pytest.raises(openai.APIStatusError) as refused:
            await place.client().chat.completions.create(model=MODEL, messages=ASK)
        assert (refused.value.status_code, refused.value.code) == (402, "budget.exhausted")
        assert refused.value.type == "insufficient_quota"
        assert place.model.calls == ()
        await place.platform.budgets.put(WS, Budget(scope="workspace/day", limit_micros=1_000_000))
        await asyncio.sleep(1.1)  # a budget that is changed holds within two seconds
        await place.client().chat.completions.create(model=MODEL, messages=ASK)
        (use,) = await place.platform.budgets.list(WS)
        assert (use.spent_micros, use.reserved_micros) == (COST, 0)
        await place.balanced()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_stops_the_spending(tmp_path: Path, stream: bool) -> None:
    slow = Step(text="word " * 2_000, piece_seconds=0.05) if stream else Step(seconds=300.0)
    async with served(tmp_path, slow) as place:
        client = place.client()

        async def asking() -> None:
            if not stream:
                await client.chat.completions.create(model=MODEL, messages=ASK)
                return
            async for _ in await client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
                pass

        task = asyncio.create_task(asking())

        async def begun() -> bool:
            return place.model.watch.going == 1

        await eventually(begun, 120)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()

        async def left() -> bool:
            return len(await place.booked()) == 2

        await eventually(left, 120)
        last = (await place.booked())[-1]
        assert 0 < last.spent_micros <= last.estimate_micros

        async def stopped() -> bool:
            return place.model.watch.left == 1

        await eventually(stopped, 120)
        await place.balanced()


async def test_the_models_are_listed_as_the_client_reads_them(tmp_path: Path) -> None:
    async with served(tmp_path, Step()) as place:
        listed = [one async for one in place.client().models.list()]
        assert MODEL in [one.id for one in listed]
        assert {one.object for one in listed} == {"model"}


async def test_tests_and_probes_are_booked_for_what_they_were(tmp_path: Path) -> None:
    async with served(tmp_path, Step(text="yes")) as place:
        admin = await place.key_with("admin")
        async with httpx.AsyncClient(base_url=place.url, trust_env=False, timeout=120) as http:
            headers = {"Authorization": f"Bearer {admin}"}
            tested = await http.post("/v1/models/test", json={"model": MODEL}, headers=headers)
            probed = await http.post("/v1/models/probe", json={"model": MODEL}, headers=headers)
        assert (tested.json()["ok"], probed.status_code) == (True, 200)
        report = await place.platform.ledger.costs(WS, CostQuery(by=("purpose",)))
        calls = {one.of["purpose"]: one.costs for one in report.items}
        assert calls["test"].spent_micros == COST
        assert calls["probe"].calls == len(place.model.calls) - 1
        assert calls["probe"].spent_micros == probed.json()["cost_micros"]
        assert {re.sub("_.*", "", one.user) for one in await place.booked()} == {"key"}
        await place.balanced()


async def test_a_name_with_line_breaks_makes_no_headers(tmp_path: Path) -> None:
    async with served(tmp_path, Step(text="Hi.")) as place:
        raw = await place.client().chat.completions.with_raw_response.create(
            model=f"{MODEL}\r\nx-other: 1", messages=ASK
        )
        assert raw.headers["x-flowmatik-model"] == f"{MODEL}??x-other: 1"
        assert "x-other" not in raw.headers
