"""Connections: keys at other services, a person's or a workspace's, kept sealed."""

from flowmatik.security.connections.config import ConnectionKinds, ConnectionSettings
from flowmatik.security.connections.stored import StoredConnections

__all__ = ["ConnectionKinds", "ConnectionSettings", "StoredConnections"]
