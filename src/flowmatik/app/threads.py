"""Conversations, put together: before the engine what runs ask and call, after it what begins runs."""

from dataclasses import dataclass

from flowmatik.contracts.agents import AgentDirectory
from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import FactRecall
from flowmatik.contracts.runs import Runs
from flowmatik.contracts.threads import Threads
from flowmatik.core.build import EngineHandle
from flowmatik.core.threads.expiry import ThreadExpiry
from flowmatik.core.threads.hearing import Hearing
from flowmatik.core.threads.keeping import ThreadKeeper
from flowmatik.core.threads.memory import ThreadMemory
from flowmatik.core.threads.policies import Policies
from flowmatik.core.threads.service import ThreadService
from flowmatik.core.threads.store import ThreadStore
from flowmatik.core.threads.turns import Turns
from flowmatik.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenThreads:
    store: ThreadStore
    threads: Threads
    hearing: Hearing
    keeper: ThreadKeeper


def thread_memory(
    store: ThreadStore, agents: AgentDirectory, facts: FactRecall | None = None
) -> ThreadMemory:
    """Without `facts`, of the thread alone."""
    return ThreadMemory(store, Policies(agents), agents, facts)


def open_threads(
    store: ThreadStore,
    engine: EngineHandle,
    runs: Runs,
    agents: AgentDirectory,
    lookups: Database,
    clock: Clock,
) -> OpenThreads:
    """`lookups` sees all workspaces."""
    policies = Policies(agents)
    turns = Turns(store, runs, engine.messages, policies)
    everywhere = store.over(lookups)
    expiry = ThreadExpiry(everywhere, runs, engine.retention, clock)
    return OpenThreads(
        store=store,
        threads=ThreadService(store, turns, runs, engine.retention, agents),
        hearing=Hearing(store, turns, policies),
        keeper=ThreadKeeper(everywhere, turns, expiry, clock),
    )
