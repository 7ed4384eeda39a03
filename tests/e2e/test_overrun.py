"""A gateway that is asked fifteen times as much as it takes at once: it refuses what is too much in words
that a program understands, and stays as small as it was."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli import environment, flowmatik
from tests.e2e.serving import Server, up

AT_ONCE = 8
CLIENTS = 15 * AT_ONCE
WAITING = 40  # runs that may wait, for nobody drives them here
EACH = 4  # requests of a client in a wave
MOST_MIB = 24  # by which the second wave may need more than the first


def memory_mib(server: Server, name: str) -> float:
    """`VmHWM` is the most that the process ever had."""
    told = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    return int(told.partition(f"{name}:")[2].split()[0]) / 1024


async def wave(server: Server, answers: list[httpx.Response], slowest: list[float]) -> None:
    """Every client asks on, whatever it is told; beside them somebody looks whether the gateway lives."""
    limits = httpx.Limits(max_connections=CLIENTS + 1)
    headers = server.headers
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=120, limits=limits) as client:

        async def asks(number: int) -> None:
            for turn in range(EACH):
                if (number + turn) % 2:
                    answers.append(await client.get("/v1/runs"))
                else:
                    goal = f"g {number} " + "x" * 2000
                    answers.append(await client.post("/v1/runs", json={"goal": goal}))

        async def looks() -> None:
            while True:
                began = time.monotonic()
                assert (await client.get("/health/live")).status_code == 200
                slowest.append(time.monotonic() - began)
                await asyncio.sleep(0.1)

        looking = asyncio.create_task(looks())
        try:
            await asyncio.gather(*map(asks, range(CLIENTS)))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


def says_when_to_come_again(answer: httpx.Response) -> bool:
    code = {429: "rate.queued", 503: "unavailable.requests"}.get(answer.status_code)
    if code is None:
        return "Retry-After" not in answer.headers
    return answer.json()["code"] == code and int(answer.headers["Retry-After"]) > 0


@pytest.mark.slow
def test_a_gateway_that_is_overrun_refuses_says_when_to_come_again_and_does_not_grow(
    tmp_path: Path, pg_database: str, redis_url: str
) -> None:
    home = tmp_path / "home"
    env = environment(
        FLOWMATIK_DATABASE_URL=pg_database,
        FLOWMATIK_REDIS_URL=redis_url,
        FLOWMATIK_MAX_IN_FLIGHT=str(AT_ONCE),
    )
    for command in (("init", "--no-examples"), ("limits", "set", "queued", "--most", str(WAITING))):
        done = flowmatik("--home", str(home), *command, env=env)
        assert done.returncode == 0, done.stderr
    with up(home, {**env, "FLOWMATIK_ROLE": "gateway"}, log_name="gateway") as gateway:
        answers: list[httpx.Response] = []
        slowest: list[float] = []
        asyncio.run(wave(gateway, answers, slowest))
        first = memory_mib(gateway, "VmHWM")
        asyncio.run(wave(gateway, answers, slowest))
        again = memory_mib(gateway, "VmHWM")
        assert again - first < MOST_MIB, f"it keeps something of every request: {first:.0f}, {again:.0f} MiB"
        counts = Counter(one.status_code for one in answers)
        assert set(counts) == {200, 202, 429, 503}, counts
        assert all(map(says_when_to_come_again, answers))
        assert max(slowest) < 30, "whoever watches it must see that it lives"
        assert gateway.get("/v1/runs").status_code == 200, "and when they have gone it answers as before"
        assert WAITING <= counts[202] < 4 * WAITING, "the backlog is bounded, but for what comes in a second"
