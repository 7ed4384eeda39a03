"""Our gateway: a model list with one name, and one that stands in for it."""

from typing import Any

from benchmarks.model_gateway.load import INSTRUCTIONS, MAX_TOKENS, PROMPT, Arrived, address_of, measured
from benchmarks.model_gateway.server import TEXT
from flowmatik.contracts.models import Message, ModelRequest, TextDelta
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.table import Deployment, Fallbacks, RouteTable
from flowmatik.kernel.clock import SystemClock


def _request() -> ModelRequest:
    return ModelRequest(
        model="m",
        messages=(Message(role="system", content=INSTRUCTIONS), Message(role="user", content=PROMPT)),
        max_output_tokens=MAX_TOKENS,
    )


async def measure(job: dict[str, Any]) -> dict[str, float]:
    settings = ProviderSettings(base_url=address_of(job), api_key="k", plugin="openai_compatible")
    table = RouteTable(
        deployments=(
            Deployment(id="one", name="m", model="far/m", settings=settings),
            Deployment(id="two", name="n", model="far/n", settings=settings),
        ),
        fallbacks={"m": Fallbacks(unavailable=("n",))},
    )
    gateway = Gateway(GatewaySettings(providers={}, routes=table), SystemClock())

    async def whole(arrived: Arrived) -> str:
        reply = await gateway.complete(_request())
        arrived()
        return reply.text

    async def streamed(arrived: Arrived) -> str:
        text = ""
        async for item in gateway.stream(_request()):
            if isinstance(item, TextDelta):
                if not text:
                    arrived()
                text += item.text
        return text

    try:
        return await measured(job, streamed if job["stream"] else whole, TEXT)
    finally:
        await gateway.close()
