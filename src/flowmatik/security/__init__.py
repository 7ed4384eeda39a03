"""Identity: who calls, for which workspace, with which rights."""

from flowmatik.security.connections import ConnectionKinds, ConnectionSettings, StoredConnections
from flowmatik.security.connections.sealing import Sealer
from flowmatik.security.hooks import SignedHooks
from flowmatik.security.identity import StoredIdentity

__all__ = [
    "ConnectionKinds",
    "ConnectionSettings",
    "Sealer",
    "SignedHooks",
    "StoredConnections",
    "StoredIdentity",
]
