"""Pydantic AI's agent, without tools."""

from typing import Any

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from benchmarks.model_gateway.load import INSTRUCTIONS, MAX_TOKENS, PROMPT, Arrived, address_of, measured
from benchmarks.model_gateway.server import TEXT


async def measure(job: dict[str, Any]) -> dict[str, float]:
    client = AsyncOpenAI(base_url=address_of(job), api_key="k", max_retries=0)
    agent = Agent(
        OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client)),
        instructions=INSTRUCTIONS,
        model_settings=ModelSettings(max_tokens=MAX_TOKENS),
    )

    async def whole(arrived: Arrived) -> str:
        done = await agent.run(PROMPT)
        arrived()
        return done.output

    async def streamed(arrived: Arrived) -> str:
        text = ""
        async with agent.run_stream(PROMPT) as running:
            async for piece in running.stream_text(delta=True, debounce_by=None):
                if not text:
                    arrived()
                text += piece
        return text

    try:
        return await measured(job, streamed if job["stream"] else whole, TEXT)
    finally:
        await client.close()
