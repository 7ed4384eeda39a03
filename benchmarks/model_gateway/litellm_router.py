"""LiteLLM's SDK: its router, with one model and one that stands in for it."""

import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else its import asks the network for prices

import litellm
from litellm import Router

from benchmarks.model_gateway.load import INSTRUCTIONS, MAX_TOKENS, PROMPT, Arrived, address_of, measured
from benchmarks.model_gateway.server import TEXT

litellm.telemetry = False
MESSAGES = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": PROMPT}]


async def measure(job: dict[str, Any]) -> dict[str, float]:
    reached = {"api_base": address_of(job), "api_key": "k", "max_retries": 0}
    router = Router(
        model_list=[
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", **reached}}
            for name in ("m", "n")
        ],
        fallbacks=[{"m": ["n"]}],
        num_retries=0,
    )

    async def whole(arrived: Arrived) -> str:
        reply = await router.acompletion(model="m", messages=MESSAGES, max_tokens=MAX_TOKENS)
        arrived()
        return reply.choices[0].message.content

    async def streamed(arrived: Arrived) -> str:
        text = ""
        pieces = await router.acompletion(
            model="m",
            messages=MESSAGES,
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

    return await measured(job, streamed if job["stream"] else whole, TEXT)
