"""Sources, put together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.app.settings import SETTINGS_FILE, Settings, process_environment
from flowmatik.contracts.connections import Credentials
from flowmatik.contracts.database import Database
from flowmatik.contracts.waits import HookTokens
from flowmatik.core.cron import Timetable
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.threads.conversations import ThreadConversations
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from flowmatik.memory import Places, StoredMemory
    from flowmatik.memory.syncing import StoredSources

COPIES = "sources"
_SECRETS = "env:SOURCE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceParts:
    """`everywhere` sees all workspaces."""

    database: Database
    everywhere: Database
    tokens: HookTokens
    credentials: Credentials


def open_sources(
    settings: Settings, memory: "StoredMemory", parts: SourceParts, clock: Clock
) -> "StoredSources":
    """Close it before the memory."""
    from flowmatik.agents.outbound import outbound_client
    from flowmatik.contracts.sources import SourceOutside
    from flowmatik.memory.syncing import Around, SourceKinds, StoredSources

    outside = SourceOutside(
        secret=secret_of,
        http=lambda private, seconds: outbound_client(private=private, seconds=seconds),
        is_private=memory_places(settings).forbids,
        conversations=ThreadConversations(parts.database),
        bearer=lambda workspace, name: _bearer(parts.credentials, workspace, name),
    )
    around = Around(
        database=parts.database,
        everywhere=parts.everywhere,
        alone=not settings.database_url,
        copies=settings.data / COPIES,
        tokens=parts.tokens,
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


def threads_chore(parts: SourceParts, clock: Clock) -> Chore:
    from flowmatik.memory.syncing.conversing import EVERY_SECONDS, ThreadFollowing

    following = ThreadFollowing(parts.database, parts.everywhere, ThreadConversations(parts.database), clock)
    return Chore(name="thread_sources", every=EVERY_SECONDS, work=following.sweep)


async def _bearer(credentials: Credentials, workspace_id: str, name: str) -> str:
    """Of the workspace's own connection, nobody's personal one."""
    headers = await credentials.headers(workspace_id, "", name)
    return headers.get("Authorization", "").removeprefix("Bearer ")


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
