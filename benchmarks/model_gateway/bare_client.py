"""The vendor's own client, called by hand."""

from typing import Any

from openai import AsyncOpenAI

from benchmarks.model_gateway.load import INSTRUCTIONS, MAX_TOKENS, PROMPT, Arrived, address_of, measured
from benchmarks.model_gateway.server import TEXT


async def measure(job: dict[str, Any]) -> dict[str, float]:
    client = AsyncOpenAI(base_url=address_of(job), api_key="k", max_retries=0)

    async def whole(arrived: Arrived) -> str:
        reply = await client.chat.completions.create(
            model="m",
            messages=[
                {"role": "system", "content": INSTRUCTIONS},
                {"role": "user", "content": PROMPT},
            ],
            max_tokens=MAX_TOKENS,
        )
        arrived()
        return reply.choices[0].message.content or ""

    async def streamed(arrived: Arrived) -> str:
        text = ""
        pieces = await client.chat.completions.create(
            model="m",
            messages=[
                {"role": "system", "content": INSTRUCTIONS},
                {"role": "user", "content": PROMPT},
            ],
            max_tokens=MAX_TOKENS,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for piece in pieces:
            if piece.choices and (said := piece.choices[0].delta.content):
                if not text:
                    arrived()
                text += said
        return text

    try:
        return await measured(job, streamed if job["stream"] else whole, TEXT)
    finally:
        await client.close()
