"""Flowmatik as people start it: `flowmatik up`, which has every role, and a client of its HTTP interface."""

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from benchmarks.durable_steps.load import PAYLOAD, STEPS, one_at_a_time, steps_per_second
from benchmarks.engine_scale.ingress import Ingress
from flowmatik.kernel import canonical

START_SECONDS = 60.0
SKILL = f'''"""Ten steps."""

from flowmatik.skills import skill


@skill(effect="read")
async def work(n: int) -> dict[str, object]:
    """Does one step."""
    return {{"n": n, "data": {PAYLOAD!r}}}
'''
PROFILE = """apiVersion: flowmatik/v1
kind: Agent
metadata: {name: stepper}
summary: Takes steps.
role: support
skills: [steps]
tools: [work]
instructions: Take the steps.
"""
PLAN = [
    {"id": f"s{n}", "tool": "work", "arguments": {"n": n}, "needs": [f"s{n - 1}"] if n else []}
    for n in range(STEPS)
]


async def measure(job: dict[str, Any]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as folder:
        home = Path(folder) / "home"
        async with _up(home, str(job["target"])) as url:
            token = (home / ".flowmatik" / "keys" / "local-token").read_text(encoding="utf-8").strip()
            with closing(Ingress(url, {"Authorization": f"Bearer {token}"})) as client:
                if job.get("mode") == "one":
                    return await one_at_a_time(job, lambda: _one_run(client))
                return {"value": (await steps_per_second(job, lambda: _one_run(client)))["value"]}


async def _one_run(client: Ingress) -> None:
    created = canonical.loads(await client.post("/v1/runs", {"goal": "ten steps", "plan": PLAN}))
    place = f"/v1/runs/{created['id']}"
    await client.get(f"{place}/events")  # which ends with the run
    view = canonical.loads(await client.get(place))
    if view["status"] != "succeeded" or len(view["tasks"]) != STEPS:
        raise AssertionError(f"the run ended {view['status']}: {view['error']}")


@asynccontextmanager
async def _up(home: Path, database: str) -> AsyncGenerator[str]:
    """Where it listens. Over PostgreSQL alone: one process needs no Redis."""
    program = (sys.executable, "-m", "flowmatik", "--home", str(home))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWMATIK_")}
    env = {**kept, "FLOWMATIK_DATABASE_URL": database}
    await _done(env, *program, "init", "--no-examples")
    skill, profile = home / "skills" / "steps" / "steps.py", home / "stepper.yaml"
    skill.parent.mkdir(parents=True)
    skill.write_text(SKILL, encoding="utf-8")
    profile.write_text(PROFILE, encoding="utf-8")
    await _done(env, *program, "agents", "apply", str(profile))
    up = (*program, "--json", "up", "--role", "all", "--port", "0")
    process = await create_subprocess_exec(*up, env=env, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not line:
            raise RuntimeError("flowmatik up ended at once")
        yield str(canonical.loads(line.decode())["url"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _done(env: dict[str, str], *command: str) -> None:
    made = await create_subprocess_exec(*command, env=env, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    _, said = await asyncio.wait_for(made.communicate(), START_SECONDS)
    if made.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:])} failed: {said.decode(errors='replace')[-2000:]}")
