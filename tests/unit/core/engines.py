"""Builds engines over the in-memory journal for the tests of this folder."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from flowmatik.contracts.agents import AgentLoop, AgentVersion, LoopAction, LoopState, ToolOutcome
from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.images import Sight
from flowmatik.contracts.memory import SourceIndex
from flowmatik.contracts.models import ModelGateway, ModelReply, ModelRequest
from flowmatik.contracts.tools import Effect, ToolBox, ToolContext
from flowmatik.contracts.waits import HookTokens
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Journal
from flowmatik.core.services import EngineServices
from flowmatik.core.snapshots.keeping import Pace
from flowmatik.kernel.clock import Clock, SystemClock
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools


class NoLoop:
    """For plans of direct tool calls, which need no agent."""

    @property
    def fold_version(self) -> str:
        return "none"

    def start(self, agent: AgentVersion, prompt: str, version: int) -> LoopState:
        raise AssertionError("no agent in this test")

    def on_model(self, agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
        raise AssertionError("no agent in this test")

    def on_tool(self, agent: AgentVersion, state: LoopState, outcome: ToolOutcome) -> LoopState:
        raise AssertionError("no agent in this test")

    def on_message(self, agent: AgentVersion, state: LoopState, text: str, *, speaking: bool) -> LoopState:
        raise AssertionError("no agent in this test")

    def next(self, agent: AgentVersion, state: LoopState) -> Sequence[LoopAction]:
        raise AssertionError("no agent in this test")


def silent(request: ModelRequest) -> ModelReply:
    return ModelReply(text="ok")


async def echo(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {"echo": arguments}


def echo_tools(effect: Effect = Effect.READ) -> FunctionTools:
    return FunctionTools({"echo": FunctionTool(function=echo, effect=effect)})


@asynccontextmanager
async def running_engine(
    *,
    journal: Journal | None = None,
    models: ModelGateway | None = None,
    tools: ToolBox | None = None,
    agents: Sequence[AgentVersion] = (),
    loop: AgentLoop | None = None,
    recover_all: bool = True,
    alone: bool = True,
    grace_seconds: float = 0.0,
    clock: Clock | None = None,
    concurrency: int = 256,
    sources: SourceIndex | None = None,
    blobs: BlobStore | None = None,
    hooks: HookTokens | None = None,
    pace: Pace | None = None,
    by_profile: bool = False,
    bearers: Bearers | None = None,
    sight: Sight | None = None,
) -> AsyncGenerator[EngineHandle]:
    clock = clock or SystemClock()
    handle = build_engine(
        EngineServices(
            journal=journal or InMemoryJournal(clock),
            models=models or ScriptedModels(silent),
            tools=tools or echo_tools(),
            catalogue=GivenAgents(agents),
            loop=loop or NoLoop(),
            clock=clock,
            alone=alone,
            concurrency=concurrency,
            sources=sources,
            blobs=blobs or InMemoryBlobs(),
            hooks=hooks,
            snapshots=pace or Pace(),
            plans_by_profile=by_profile,
            bearers=bearers,
            sight=sight,
        )
    )
    await handle.start(recover_all=recover_all)
    try:
        yield handle
    finally:
        await handle.stop(grace_seconds=grace_seconds)


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Returns as soon as `holds` does; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.005)
