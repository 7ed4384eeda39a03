"""What is too large for a row of the journal, as the engine puts it away and gets it back."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from flowmatik.contracts.blobs import BlobStore, may_refer, ref_of, reference_in, references_in
from flowmatik.core.journal.blobs_port import BlobLedger
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import EngineError, NotFound, Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
MEDIA_TYPE = "application/json"
JSON_BEGINS = (b"{", b"[", b'"')
LARGE_BYTES = 65_536  # of canonical JSON: what is longer stands in the journal by reference
FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
BUSY_SECONDS = 0.1  # until a blob that is being deleted is asked about again
MOST_OPEN = 4  # blobs that are kept parsed
MOST_OPEN_BYTES = 64 * 1024 * 1024


class Library:
    """JSON in the blob store of a workspace, on behalf of runs. A store that is away is waited for, as the
    journal is.

    A run refers to a blob, in the journal, before the blob is put: whoever deletes what runs leave behind
    asks there. While a blob is being deleted nobody can refer to it, and who would waits.
    """

    def __init__(self, blobs: BlobStore, journal: BlobLedger, clock: Clock) -> None:
        self.blobs = blobs
        self._journal = journal
        self._clock = clock
        self._open: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()

    async def kept(self, run_id: str, workspace_id: str, text: str) -> dict[str, Any]:
        """What stands for this JSON text in the run's history, once it is durable."""
        return await self._patiently(lambda: self.put(run_id, workspace_id, text))

    async def put(self, run_id: str, workspace_id: str, text: str) -> dict[str, Any]:
        """As `kept`, without waiting for a store that is away."""
        data = text.encode()
        await self._refer(run_id, workspace_id, {ref_of(data, MEDIA_TYPE).sha256: len(data)})
        ref = await self.blobs.put(workspace_id, data, media_type=MEDIA_TYPE)
        return ref.shown(text)

    async def keep_bytes(self, run_id: str, workspace_id: str, data: bytes, media_type: str) -> None:
        """For the run, durable when it returns. Raises Unavailable while the journal or the blob store is
        away."""
        await self._refer(run_id, workspace_id, {ref_of(data, media_type).sha256: len(data)})
        await self.blobs.put(workspace_id, data, media_type=media_type)

    async def bytes_of(self, workspace_id: str, sha256: str) -> bytes:
        """A store that is away is waited for. Raises NotFound, and EngineError for a damaged blob."""
        return await self._patiently(lambda: self.blobs.get(workspace_id, sha256))

    async def adopt(self, run_id: str, workspace_id: str, texts: Iterable[str]) -> None:
        """The run refers to all blobs that these JSON texts, or those blobs, refer to: others put them, and
        may be deleted. Raises Unavailable while the journal or the blob store is away."""
        found: dict[str, int] = {}
        left = self._in(texts)
        while left:
            await self._refer(run_id, workspace_id, left)
            found |= left
            inner = [await self._text(workspace_id, sha256) for sha256 in left]
            left = {key: size for key, size in self._in(inner).items() if key not in found}

    async def patiently_adopt(self, run_id: str, workspace_id: str, texts: Sequence[str]) -> None:
        if any(map(may_refer, texts)):
            await self._patiently(lambda: self.adopt(run_id, workspace_id, texts))

    def _in(self, texts: Iterable[str]) -> dict[str, int]:
        return references_in([canonical.loads(text) for text in texts if may_refer(text)])

    async def _text(self, workspace_id: str, sha256: str) -> str:
        """Of what cannot be read nothing more is known; what is no JSON (a picture) refers to nothing."""
        try:
            data = await self.blobs.get(workspace_id, sha256)
        except (NotFound, EngineError):
            return ""
        return data.decode(errors="replace") if data[:1] in JSON_BEGINS else ""

    async def _refer(self, run_id: str, workspace_id: str, blobs: Mapping[str, int]) -> None:
        busy = await self._journal.refer(run_id, workspace_id, blobs)
        while busy:
            await self._clock.sleep(BUSY_SECONDS)
            busy = await self._journal.refer(run_id, workspace_id, {key: blobs[key] for key in busy})

    async def whole(self, workspace_id: str, value: Any) -> Any:
        """What a reference stands for; anything else as it is. Raises NotFound, and EngineError for a damaged
        blob."""
        body = reference_in(value)
        if body is None:
            return value
        key = (workspace_id, str(body["sha256"]))
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key][0]
        data = await self._patiently(lambda: self.blobs.get(*key))
        return self._remember(key, canonical.loads(data), len(data))

    def _remember(self, key: tuple[str, str], value: Any, size: int) -> Any:
        """A map's items are asked for again with each of them; content never changes under its hash."""
        self._open[key] = (value, size)
        while len(self._open) > MOST_OPEN or self._open_bytes() > MOST_OPEN_BYTES:
            self._open.popitem(last=False)
        return value

    def _open_bytes(self) -> int:
        return sum(size for _, size in self._open.values())

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        delay = FIRST_SECONDS
        while True:
            try:
                return await call()
            except Unavailable as error:
                if delay == FIRST_SECONDS:  # once an outage
                    log.warning("the blob store is away; what needs it waits", extra={"error": error.message})
                await self._clock.sleep(delay)
                delay = min(delay * 2, LONGEST_SECONDS)
