"""python -m benchmarks.soak.gateway [--minutes N] [--rate R] [--tolerance MIB] [--json]

Steady load on the model gateway of this process, with limits, windows and kept answers around two
deployments: half the calls stream, some streams are left in the middle, some answers are given again, a
scripted server (a process of its own) lets some calls fail, and every ten seconds the model list changes.
Memory is sampled every second; the first fifth of the time warms up. Exits 1 when the gateway grows: when
even the low end of the 95 % interval of what it grew by in the time measured is more than the tolerance; and
when less than nine of ten calls are answered.
"""

import argparse
import asyncio
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import cast

from benchmarks.machine import describe
from benchmarks.soak.memory import Samples, report, sampled
from flowmatik.contracts.models import Message, ModelReply, ModelRequest, TextDelta
from flowmatik.integrations.layers.answers import MemoryAnswers
from flowmatik.integrations.layers.compose import LayerParts, layered
from flowmatik.integrations.layers.settings import settings_of
from flowmatik.integrations.layers.share import LocalShare
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ModelProvider, ProviderSettings
from flowmatik.integrations.routing.table import BreakerRules, Deployment, Limits, RouteTable
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelError

ERRORS = 0.05
CHANGE_SECONDS = 10.0
KEPT_SECONDS = 30
TEXT = "The invoice of March is missing, and the one of April says another amount. " * 20
WINDOW = 900  # tokens: less than the text has, so that it is cut
LEFT = 10  # of so many streams one is left
AGAIN = 5  # of so many calls one asks what was asked so many calls before
EARLIER = 63  # of the same workspace, and not itself such a call
ANSWERED = 0.9


@contextmanager
def _server() -> Generator[str]:
    command = [
        sys.executable,
        "-m",
        "flowmatik.testing.openai_server",
        "--errors",
        str(ERRORS),
        "--keep",
        "10",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _list(address: str, weight: float) -> RouteTable:
    settings = ProviderSettings(base_url=address, api_key="k", plugin="openai_compatible")
    one = Deployment(
        id="one",
        name="m",
        model="far/m",
        settings=settings,
        limits=Limits(max_parallel=50, requests_per_minute=100_000),
        context_tokens=WINDOW,
        context_policy="trim",
        cache_seconds=KEPT_SECONDS,
        max_output_tokens=64,
    )
    # The other one changes with the list: its key too, so that its connections are opened anew.
    other = replace(settings, api_key=f"k{weight:g}")
    two = replace(one, id="two", settings=other, weight=weight)
    return RouteTable(deployments=(one, two), breaker=BreakerRules(open_seconds=0.5))


def _gateway(address: str) -> Gateway:
    clock = SystemClock()
    parts = LayerParts(share=LocalShare(clock), clock=clock, answers=MemoryAnswers(clock, most_bytes=2**20))

    def around(deployment: Deployment, provider: ModelProvider) -> ModelProvider:
        return layered(deployment.id, provider, settings_of(deployment), parts)

    return Gateway(GatewaySettings(providers={}, routes=_list(address, 1.0)), clock, around)


def _request(n: int) -> ModelRequest:
    own = n - EARLIER if n % AGAIN == 1 else n
    texts = ("What of the invoices?", TEXT, "And then?", TEXT, f"And number {own}?")
    messages = [
        Message(role="assistant" if at % 2 else "user", content=text) for at, text in enumerate(texts)
    ]
    return ModelRequest(
        model="m",
        messages=(Message(role="system", content="Be brief."), *messages),
        timeout=20.0,
        workspace_id=f"w{n % 3}",
    )


class Load:
    """What went through."""

    def __init__(self, gateway: Gateway, address: str) -> None:
        self.came: Counter[str] = Counter()
        self._gateway = gateway
        self._address = address

    async def steady(self, rate: float, seconds: float) -> None:
        began = time.perf_counter()
        changing = asyncio.create_task(self._change())
        async with asyncio.TaskGroup() as calls:
            for n in range(int(rate * seconds)):
                if (early := n / rate - (time.perf_counter() - began)) > 0:
                    await asyncio.sleep(early)
                calls.create_task(self._one(n))
        changing.cancel()
        await asyncio.wait({changing})

    async def _one(self, n: int) -> None:
        try:
            if n % 2:
                reply = await self._gateway.complete(_request(n))
                self.came["cached" if reply.cached else "answered"] += 1
            else:
                await self._streamed(n)
        except ModelError as error:
            self.came[error.code] += 1

    async def _streamed(self, n: int) -> None:
        stream = cast("AsyncGenerator[TextDelta | ModelReply]", self._gateway.stream(_request(n)))
        async with aclosing(stream) as pieces:
            async for item in pieces:
                if isinstance(item, TextDelta) and n // 2 % LEFT == 0:
                    self.came["left"] += 1
                    return
                if isinstance(item, ModelReply):
                    self.came["cached" if item.cached else "answered"] += 1

    async def _change(self) -> None:
        weight = 1.0
        while True:
            await asyncio.sleep(CHANGE_SECONDS)
            weight = weight % 3 + 1
            self._gateway.take(_list(self._address, weight))
            await self._gateway.tidy()


async def _soak(address: str, options: argparse.Namespace) -> tuple[Samples, Counter[str]]:
    gateway = _gateway(address)
    load = Load(gateway, address)
    async with sampled({"models": "self"}) as samples:
        await load.steady(options.rate, options.minutes * 60)
    await gateway.close()
    return samples, load.came


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.gateway", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=20.0, help="calls begun a second")
    parser.add_argument("--tolerance", type=float, default=4.0, help="MiB that it may grow by")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    with _server() as address:
        samples, came = asyncio.run(_soak(address, options))
    well = sum(came[name] for name in ("answered", "cached", "left"))
    if well < ANSWERED * came.total():
        print(f"only {well} of {came.total()} calls were answered: {dict(came)}", file=sys.stderr)
        return 1
    if not options.json:
        print(f"{came.total():,} calls, {options.rate:g} a second: {dict(came)}. {describe()}")
    return 1 if report(samples, options.tolerance, as_json=options.json) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
