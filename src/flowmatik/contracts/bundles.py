"""Signed bundles: agents on their way from one workspace or installation to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.channels import STABLE, Author, Evaluation, ImportedChange

MAX_BUNDLE_BYTES = 1_400_000  # as base64 it still fits into a request


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledAgent:
    """`file`: its profile in the bundle; `sha256` of that file's bytes. `evaluations`: what it scored where
    it came from, the newest first."""

    name: str
    version: str
    file: str
    sha256: str
    evaluations: tuple[Evaluation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleView:
    """What a bundle says of itself once its signature holds. `id` is the hash of its manifest; `key_id` names
    the key that signed it, `trusted` says who vouches for it here; `made_at` is RFC 3339."""

    id: str
    key_id: str
    trusted: str
    source: str
    made_at: str
    made_by: str
    agents: tuple[BundledAgent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBundle:
    bundle: BundleView
    changes: tuple[ImportedChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """`public` is the key itself, in base64; `own`: this installation's, which is always trusted."""

    key_id: str
    public: str
    name: str
    added_by: str = ""
    added_at: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A bundle to be looked at or applied. `key`: a public key that is to have signed it, trusted for this
    once; `channel`: which one is to point at its versions."""

    content: bytes
    key: str = ""
    channel: str = STABLE
    dry_run: bool = False


class SigningKey(Protocol):
    """The installation's Ed25519 key (RFC 8032)."""

    def public(self) -> str:
        """In base64."""
        ...

    def sign(self, message: bytes) -> bytes: ...


class SignatureCheck(Protocol):
    def __call__(self, public: str, message: bytes, signature: bytes) -> bool:
        """Raises InvalidInput (`input.public_key`) for what is no Ed25519 key in base64."""
        ...


class AgentBundles(Protocol):
    """Raises InvalidInput (`input.bundle`, for what is no bundle or was changed), PermissionDenied
    (`auth.denied.bundle_key`), Conflict (`conflict.bundle_older`), NotFound."""

    async def create(
        self, workspace_id: str, author: Author, *, names: Sequence[str] = (), channel: str = STABLE
    ) -> bytes:
        """An archive of the versions that `channel` points at, signed. The same content at the same time is
        the same bytes."""
        ...

    async def verify(self, workspace_id: str, incoming: Incoming) -> BundleView: ...

    async def apply(self, workspace_id: str, incoming: Incoming, author: Author) -> AppliedBundle:
        """All agents of the bundle or none."""
        ...

    async def keys(self, workspace_id: str) -> list[TrustedKey]:
        """This installation's own comes first."""
        ...

    async def trust(self, workspace_id: str, public: str, name: str, author: Author) -> TrustedKey: ...

    async def distrust(self, workspace_id: str, key_id: str, author: Author) -> None: ...
