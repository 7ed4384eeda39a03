"""What is too large for a row of the journal, as the engine puts it away and gets it back."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from flowmatik.contracts.blobs import BlobStore, reference_in
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
MEDIA_TYPE = "application/json"
LARGE_BYTES = 65_536  # of canonical JSON: what is longer stands in the journal by reference
FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
MOST_OPEN = 4  # blobs that are kept parsed
MOST_OPEN_BYTES = 64 * 1024 * 1024


class Library:
    """JSON in the blob store of a workspace. A store that is away is waited for, as the journal is."""

    def __init__(self, blobs: BlobStore, clock: Clock) -> None:
        self.blobs = blobs
        self._clock = clock
        self._open: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()

    async def kept(self, workspace_id: str, text: str) -> dict[str, Any]:
        """What stands for this JSON text, once it is durable."""
        return await self._patiently(lambda: self.put(workspace_id, text))

    async def put(self, workspace_id: str, text: str) -> dict[str, Any]:
        """As `kept`, without waiting for a store that is away."""
        ref = await self.blobs.put(workspace_id, text.encode(), media_type=MEDIA_TYPE)
        return ref.shown(text)

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
