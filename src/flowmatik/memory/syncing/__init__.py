"""Sources kept in line with: listing, reading, dead letters, schedules, hooks."""

from flowmatik.memory.syncing.conversing import ThreadFollowing
from flowmatik.memory.syncing.kinds import SourceKinds
from flowmatik.memory.syncing.service import EVERY_SECONDS, HOOK_PATH, Around, StoredSources

__all__ = ["EVERY_SECONDS", "HOOK_PATH", "Around", "SourceKinds", "StoredSources", "ThreadFollowing"]
