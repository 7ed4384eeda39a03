"""What the engine is given."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flowmatik.contracts.agents import AgentDirectory, AgentLoop
from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.memory import SourceIndex
from flowmatik.contracts.models import ModelGateway
from flowmatik.contracts.tools import ToolBox
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.journal.port import Journal, RunReads
from flowmatik.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineServices:
    """What the engine needs of the other modules. `alone`: no other process can be at work on
    this journal (SQLite under the home's lock), so recovery need not wait one out.
    `durable`: what the journal acknowledges survives a power cut; else no `once` tool is called.
    `sources`: knows what runs may be bound to; without it any name is taken.
    `blobs`: for what is too large for the journal; as lasting as that.
    `reads`: the store as callers of a workspace see it; without it, the journal."""

    journal: Journal
    models: ModelGateway
    tools: ToolBox
    catalogue: AgentDirectory
    loop: AgentLoop
    clock: Clock
    alone: bool = False
    durable: bool = True
    concurrency: int = 256
    sources: SourceIndex | None = None
    reads: Callable[[str], RunReads] | None = None
    blobs: BlobStore = field(default_factory=InMemoryBlobs)

    def seen_from(self, workspace_id: str) -> RunReads:
        return self.journal if self.reads is None else self.reads(workspace_id)
