"""Connections of an installation, over its store."""

import asyncio

from flowmatik.app.local_key import local_key_id
from flowmatik.app.local_principal import local_principal
from flowmatik.app.settings import Settings
from flowmatik.app.tool_files import connection_kinds, secret_values
from flowmatik.contracts.database import Database
from flowmatik.kernel.clock import Clock
from flowmatik.security import Sealer, StoredConnections


async def open_connections(settings: Settings, database: Database, clock: Clock) -> StoredConnections:
    """Raises ConfigurationError for a faulty `connections.yaml` or key."""
    kinds = await asyncio.to_thread(connection_kinds, settings)
    sealer = await asyncio.to_thread(Sealer, settings.keys)
    local = local_principal("").id

    def owner_of(principal: str) -> str:
        """This user's commands are the local administrator's, through whichever process they go."""
        return local if principal and principal == local_key_id(settings) else principal

    return StoredConnections(
        database, clock, sealer, kinds.connections, values=secret_values(settings), owner_of=owner_of
    )
