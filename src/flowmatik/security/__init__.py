"""Identity: who calls, for which workspace, with which rights."""

from flowmatik.security.hooks import SignedHooks
from flowmatik.security.identity import StoredIdentity

__all__ = ["SignedHooks", "StoredIdentity"]
