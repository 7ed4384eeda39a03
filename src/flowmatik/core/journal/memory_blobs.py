"""References to blobs, in memory."""

from collections.abc import Mapping, Sequence

from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.blobs_port import STRAY_SECONDS, LeftBlob
from flowmatik.core.journal.memory_runs import Run
from flowmatik.kernel.clock import Clock


class MemoryBlobRows:
    """The methods of the port `BlobLedger`."""

    _clock: Clock
    _runs: dict[str, Run]
    _holds: dict[tuple[str, str], Hold]

    def __init__(self) -> None:
        self._referred: dict[tuple[str, str], dict[str, int]] = {}  # by workspace and hash: lengths by run
        self._referred_at: dict[tuple[str, str], float] = {}  # by run and hash
        self._blobs_left: dict[tuple[str, str], int] = {}
        self._blobs_taken: dict[tuple[str, str], float] = {}

    async def refer(self, run_id: str, workspace_id: str, blobs: Mapping[str, int]) -> list[str]:
        busy: list[str] = []
        now = self._clock.monotonic()
        for sha256, size in sorted(blobs.items()):
            key = (workspace_id, sha256)
            if self._blobs_taken.get(key, now) > now:
                busy.append(sha256)
                continue
            self._gone(key)
            self._referred.setdefault(key, {}).setdefault(run_id, size)
            self._referred_at.setdefault((run_id, sha256), now)
        return busy

    async def blobs_of(self, run_id: str) -> dict[str, int]:
        found = {key[1]: by[run_id] for key, by in self._referred.items() if run_id in by}
        return dict(sorted(found.items()))

    async def take_left(self, limit: int, *, ttl_seconds: float) -> list[LeftBlob]:
        now = self._clock.monotonic()
        free = [key for key in self._blobs_left if self._blobs_taken.get(key, now) <= now]
        for key in free:
            if self._referred.get(key):
                self._gone(key)
        taken = [key for key in free if key in self._blobs_left and (key[0], "") not in self._holds][:limit]
        self._blobs_taken.update(dict.fromkeys(taken, now + ttl_seconds))
        return [LeftBlob(workspace_id=key[0], sha256=key[1], bytes=self._blobs_left[key]) for key in taken]

    async def forget_left(self, blobs: Sequence[LeftBlob]) -> None:
        for one in blobs:
            self._gone((one.workspace_id, one.sha256))

    async def disown_strays(self) -> int:
        before = self._clock.monotonic() - STRAY_SECONDS
        strays = [key for key, at in self._referred_at.items() if at < before and key[0] not in self._runs]
        for run_id in {run_id for run_id, _ in strays}:
            self._leave(run_id)
        return len(strays)

    def _gone(self, key: tuple[str, str]) -> None:
        self._blobs_left.pop(key, None)
        self._blobs_taken.pop(key, None)

    def _leave(self, run_id: str) -> tuple[int, int]:
        """What it referred to; how many blobs nobody else refers to, and their length."""
        count = size = 0
        for key, by in [(key, by) for key, by in self._referred.items() if run_id in by]:
            length = by.pop(run_id)
            self._referred_at.pop((run_id, key[1]), None)
            self._blobs_left[key] = length
            if not by:
                del self._referred[key]
                count, size = count + 1, size + length
        return count, size
