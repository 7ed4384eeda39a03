"""The tools of an installation, from wherever they come."""

from contextlib import AsyncExitStack

from flowmatik.app.settings import Settings
from flowmatik.contracts.memory import Memory
from flowmatik.contracts.tools import ToolBox
from flowmatik.core.journal.port import Journal
from flowmatik.core.threads.handing import ThreadTools
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock


async def open_tools(settings: Settings, memory: Memory, clock: Clock, stack: AsyncExitStack) -> ToolBox:
    """Those that ship first. What is opened is closed with the `stack`."""
    from flowmatik.agents import ToolUnion, build_toolbox

    del stack
    return ToolUnion([build_toolbox(memory, outbox=settings.outbox, clock=clock)])


def with_threads(tools: ToolBox, threads: ThreadStore, journal: Journal) -> ToolBox:
    """And those by which agents act on their own conversation."""
    from flowmatik.agents import ToolUnion

    return ToolUnion([tools, ThreadTools(threads, journal)])
