"""Identity: who calls, for which workspace, with which rights."""

from flowmatik.security.identity import StoredIdentity

__all__ = ["StoredIdentity"]
