"""What a store keeps of blobs: which runs refer to them, and those that deleted runs leave behind.

A run refers to a blob before it is put, so that whoever deletes blobs never meets one that is about to be
referred to; and a blob is taken before it is deleted, so that whoever would refer to it waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

STRAY_SECONDS = 86_400.0  # references of runs that have not come to be by then are nobody's
SETTLING_SECONDS = 5.0  # no statement that began before a blob was left is still under way then


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBlob:
    workspace_id: str
    sha256: str
    bytes: int


class BlobLedger(Protocol):
    async def refer(self, run_id: str, workspace_id: str, blobs: Mapping[str, int]) -> list[str]:
        """From now on the run refers to these blobs, named by hash with their lengths; the run need not be
        there yet. The hashes of those that are being deleted at this moment, to which it does not refer."""
        ...

    async def blobs_of(self, run_id: str) -> dict[str, int]:
        """The lengths of all blobs that the run refers to, by hash."""
        ...

    async def take_left(self, limit: int, *, ttl_seconds: float) -> list[LeftBlob]:
        """Blobs that deleted runs left and no run refers to, to be deleted by the caller alone before that
        time is over. None of a workspace that is held."""
        ...

    async def forget_left(self, blobs: Sequence[LeftBlob]) -> None:
        """They are gone."""
        ...

    async def disown_strays(self) -> int:
        """Drop what runs refer to that are not there after STRAY_SECONDS; how many references."""
        ...
