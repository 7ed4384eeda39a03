"""Identity: who calls, for which workspace, with which rights."""

from flowmatik.security.hooks import SignedHooks
from flowmatik.security.identity import StoredIdentity
from flowmatik.security.signing import InstallationKey, signature_holds

__all__ = ["InstallationKey", "SignedHooks", "StoredIdentity", "signature_holds"]
