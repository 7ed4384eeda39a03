"""The factory: agents composed for tasks that nobody fits."""

from flowmatik.agents.factory.store import StoredFactory

__all__ = ["StoredFactory"]
