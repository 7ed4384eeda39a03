"""Sources, put together."""

from typing import TYPE_CHECKING

from flowmatik.app.settings import SETTINGS_FILE, Settings, process_environment
from flowmatik.contracts.database import Database
from flowmatik.contracts.waits import HookTokens
from flowmatik.core.cron import Timetable
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from flowmatik.memory import Places, StoredMemory
    from flowmatik.memory.syncing import StoredSources

COPIES = "sources"
_SECRETS = "env:SOURCE_"


def open_sources(
    settings: Settings,
    memory: "StoredMemory",
    database: Database,
    everywhere: Database,
    clock: Clock,
    tokens: HookTokens,
) -> "StoredSources":
    """`everywhere` sees all workspaces. Close it before the memory."""
    from flowmatik.agents.outbound import outbound_client
    from flowmatik.contracts.sources import SourceOutside
    from flowmatik.memory.syncing import Around, SourceKinds, StoredSources

    outside = SourceOutside(
        secret=secret_of,
        http=lambda private, seconds: outbound_client(private=private, seconds=seconds),
        is_private=memory_places(settings).forbids,
    )
    around = Around(
        database=database,
        everywhere=everywhere,
        alone=not settings.database_url,
        copies=settings.data / COPIES,
        tokens=tokens,
        next_firing=lambda cron, timezone, seconds: Timetable(cron, timezone).next(seconds),
        clock=clock,
    )
    return StoredSources(memory, SourceKinds(outside), around)


def memory_places(settings: Settings) -> "Places":
    """What no source and no sync reads, and what memory may remove."""
    from flowmatik.memory import Places

    return Places(
        private=(settings.data, settings.home / SETTINGS_FILE),
        uploads=settings.uploads,
        copies=settings.data / COPIES,
    )


def sources_chore(sources: "StoredSources") -> Chore:
    from flowmatik.memory.syncing import EVERY_SECONDS

    return Chore(name="sources", every=EVERY_SECONDS, work=sources.sweep)


def secret_of(reference: str) -> str:
    """Of the environment only what is meant for sources, whoever writes the reference: no other secret of
    this process can be sent to a server of somebody's choice."""
    name = reference.removeprefix("env:") if reference.startswith(_SECRETS) else ""
    value = process_environment().get(name, "") if name else ""
    if not value:
        raise ConfigurationError(
            f"{reference[:100]!r} stands for nothing: set that variable for the server",
            code="config.reference",
            context={"reference": reference[:100]},
        )
    return value
