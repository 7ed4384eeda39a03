"""What the engine is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from flowmatik.contracts.advice import Adviser
from flowmatik.contracts.agents import AgentDirectory, AgentLoop
from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.channels import VersionChoice
from flowmatik.contracts.images import Sight
from flowmatik.contracts.memory import SourceIndex
from flowmatik.contracts.models import ModelGateway
from flowmatik.contracts.playbooks import PlaybookCompiler
from flowmatik.contracts.streams import Streams
from flowmatik.contracts.threads import ThreadIndex
from flowmatik.contracts.tools import ToolBox
from flowmatik.contracts.waits import HookTokens
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.journal.port import Journal, RunReads
from flowmatik.core.snapshots.keeping import Pace
from flowmatik.kernel.clock import Clock


class Role(StrEnum):
    """What a process does: serve callers, drive runs, keep house for all runs, or everything."""

    ALL = "all"
    GATEWAY = "gateway"
    WORKER = "worker"
    SCHEDULER = "scheduler"

    @property
    def serves(self) -> bool:
        return self in (Role.ALL, Role.GATEWAY)

    @property
    def drives(self) -> bool:
        return self in (Role.ALL, Role.WORKER)

    @property
    def keeps(self) -> bool:
        return self in (Role.ALL, Role.SCHEDULER)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineServices:
    """What the engine needs of the other modules. `alone`: no other process can be at work on
    this journal (SQLite under the home's lock), so recovery need not wait one out.
    `durable`: what the journal acknowledges survives a power cut; else no `once` tool is called.
    `sources`: knows what runs may be bound to, `threads` which conversations they may belong to; without them
    any name is taken.
    `streams`: Redis, for a bus between processes and for telling each other where to look; without it
    subscribers are this process's, and each process looks for itself.
    `blobs`: for what is too large for the journal; as lasting as that.
    `reads`: the store as callers of a workspace see it; without it, the journal.
    `hooks` makes the addresses of webhooks; without it they have none. `run_budget_micros`: of runs that
    schedules begin and that name no budget. `snapshots`: how often owners write them. `runs_days`: for how
    long ended runs are kept where a workspace says nothing; 0 is for ever. `plans_by_profile`: plans of
    callers may call what a profile of the workspace permits, and nothing else. `advisers`: whom decisions may
    ask, by name; a run asks only those that there were when it began. `versions`: which version of an agent a
    run gets; without it the catalogue's. `playbooks`: without it, no run can be asked for by one. `bearers`:
    whose budgets bear what a run spends; without it, those of its principal alone. `sight`: which models see
    pictures; without it nobody knows."""

    journal: Journal
    models: ModelGateway
    tools: ToolBox
    catalogue: AgentDirectory
    loop: AgentLoop
    clock: Clock
    alone: bool = False
    durable: bool = True
    concurrency: int = 256
    role: Role = Role.ALL
    streams: Streams | None = None
    sources: SourceIndex | None = None
    reads: Callable[[str], RunReads] | None = None
    blobs: BlobStore = field(default_factory=InMemoryBlobs)
    hooks: HookTokens | None = None
    run_budget_micros: int | None = None
    snapshots: Pace = field(default_factory=Pace)
    runs_days: int = 0
    plans_by_profile: bool = False
    threads: ThreadIndex | None = None
    advisers: Mapping[str, Adviser] = field(default_factory=lambda: {})
    versions: VersionChoice | None = None
    playbooks: PlaybookCompiler | None = None
    bearers: Bearers | None = None
    sight: Sight | None = None

    def seen_from(self, workspace_id: str) -> RunReads:
        return self.journal if self.reads is None else self.reads(workspace_id)
