"""A home's MCP servers for tests: the emulator as a process or over HTTP, with its tools approved."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowmatik.agents.mcp import McpBox, McpRuntime, McpServer, Pins, look_at, pinned
from flowmatik.contracts.connections import Credentials
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.clock import SystemClock

ROOT = Path(__file__).resolve().parents[3]
EMULATOR = [sys.executable, "-m", "flowmatik.testing.mcp_server"]
CONTEXT = ToolContext(
    workspace_id="default", run_id="run_1", call_id="c1", idempotency_key="k1", principal="usr_ada"
)
SECRET = "sesame-open-1234"


@dataclass(slots=True, kw_only=True)
class Emulated:
    """The box over one server called `desk`, and the files through which the process is steered."""

    box: McpBox
    runtime: McpRuntime
    server: McpServer
    pins: Pins
    state: Path
    secrets: dict[str, str] = field(default_factory=lambda: {"env:KEY": SECRET})

    def steer(self, **told: Any) -> None:
        fresh = self.state.with_name("fresh")
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(self.state)

    def calls(self) -> list[str]:
        path = self.state.with_name(f"{self.state.name}.calls")
        return [json.loads(line)[0] for line in path.read_text().splitlines()] if path.exists() else []

    def child(self) -> int:
        return int(self.state.with_name(f"{self.state.name}.child").read_text())

    async def approve(self) -> None:
        found = await look_at(self.runtime, "desk", self.server)
        pins: dict[str, Any] = {}
        for one in found:
            pins[one.name] = pinned("desk", one, pins, at="2026-01-01")
        self.pins = {"desk": pins}

    async def call(self, name: str, **arguments: Any) -> Any:
        return await self.box.call(f"desk_{name}", arguments, CONTEXT)


@asynccontextmanager
async def emulated(
    folder: Path, *, credentials: Credentials | None = None, **settings: Any
) -> AsyncGenerator[Emulated]:
    """Approved as it is at first. Without a `url` it is a process."""
    state = folder / "state.json"
    if "url" not in settings:
        settings.setdefault("command", [*EMULATOR, str(state)])
    server = McpServer.model_validate(settings)
    home = Emulated.__new__(Emulated)
    secrets: Mapping[str, str] = {"env:KEY": SECRET}
    runtime = McpRuntime(
        secrets=lambda reference: secrets.get(reference, reference.removeprefix("text:")),
        environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
        home=folder,
        clock=SystemClock(),
        credentials=credentials,
    )
    home.state, home.runtime, home.server, home.pins = state, runtime, server, {}
    home.box = McpBox({"desk": server}, lambda: home.pins, runtime)
    try:
        await home.approve()
        yield home
    finally:
        async with asyncio.timeout(120):
            await runtime.close()


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Returns as soon as `holds` does; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        for _ in iter(holds, True):
            await asyncio.sleep(0.01)
