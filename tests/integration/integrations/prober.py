"""A process that goes on asking a deployment until it knows that a probe of it failed; told its Redis, the
prefix there and the model's address, it says what its calls came to."""

import asyncio
import json
import sys
from collections import Counter

from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.shared_breakers import SharedBreakers
from flowmatik.integrations.routing.table import BreakerRules, Deployment, RouteTable
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelUnavailable
from flowmatik.stores.redis import open_streams
from tests.integration.integrations.support import KEY
from tests.integration.integrations.test_routes import request
from tests.unit.core.engines import eventually

RULES = BreakerRules(consecutive=2, open_seconds=10.0, jitter=0.0)
AT_ONCE = 20


async def asked(gateway: Gateway) -> str:
    try:
        await gateway.complete(request())
    except ModelUnavailable as error:
        return error.code
    return "answered"


async def main(redis: str, prefix: str, base_url: str) -> None:
    streams = open_streams(redis, prefix=prefix)
    settings = ProviderSettings(base_url=base_url, api_key=KEY, plugin="openai_compatible", attempts=1)
    place = Deployment(id="far", name="m", model="far/x", settings=settings)
    table = RouteTable(deployments=(place,), rounds=1, breaker=RULES)
    share = SharedBreakers(streams, SystemClock())
    gateway = Gateway(GatewaySettings(providers={}, routes=table), SystemClock(), share=share)
    share.start(gateway.breakers)

    def left_alone_for() -> float:
        return gateway.deployments()[0].open_seconds

    async def is_left_alone() -> bool:
        return left_alone_for() > 0

    print("up", flush=True)
    await eventually(is_left_alone, 120)
    print("open", flush=True)
    came: Counter[str] = Counter()
    while left_alone_for() <= RULES.open_seconds:
        came.update(await asyncio.gather(*(asked(gateway) for _ in range(AT_ONCE))))
        await asyncio.sleep(0.05)
    print(json.dumps(came), flush=True)
    await share.stop()
    await gateway.close()
    await streams.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
