"""Identity: who calls, for which workspace, with which rights."""

from flowmatik.security.connections import ConnectionKinds, ConnectionSettings, StoredConnections
from flowmatik.security.connections.sealing import Sealer
from flowmatik.security.hooks import SignedHooks
from flowmatik.security.identity import StoredIdentity
from flowmatik.security.signing import InstallationKey, signature_holds
from flowmatik.security.teams import StoredTeams

__all__ = [
    "ConnectionKinds",
    "ConnectionSettings",
    "InstallationKey",
    "Sealer",
    "SignedHooks",
    "StoredConnections",
    "StoredIdentity",
    "StoredTeams",
    "signature_holds",
]
