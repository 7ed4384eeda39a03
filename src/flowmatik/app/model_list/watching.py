"""The model list as its file is now: looked at every few seconds, taken when it is right, and told when not.

Every process that calls models looks for itself. A file that is still being written is left until the next
look.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.deployments import ListFault, ListState
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.integrations.routing.table import RouteTable
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError, FlowmatikError

log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
UNKNOWN = "unknown"
Stamp = tuple[int, int, int] | None


class ModelListWatch:
    """`read` reads the list at `path` (blocking) and raises ConfigurationError for a faulty one. A list that
    is gone counts as faulty: whoever writes it anew may be at it."""

    def __init__(
        self, path: Path, read: Callable[[], RouteTable | None], gateway: Gateway, clock: Clock
    ) -> None:
        self._path = path
        self._read = read
        self._gateway = gateway
        self._clock = clock
        self._taken: Stamp | str = UNKNOWN  # the file may have changed since it was read for this gateway
        self._seen = _stamp(path)
        self._task: asyncio.Task[None] | None = None
        named = path.name if gateway.routes is not None else ""
        gateway.says(ListState(file=named, loaded_at=self._now()))

    def start(self) -> None:
        self._task = asyncio.create_task(self._forever(), name="model-list")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Takes what has changed since the last look but one, and not since the last."""
        await self._gateway.tidy()
        stamp = await asyncio.to_thread(_stamp, self._path)
        settled, self._seen = stamp == self._seen, stamp
        if settled and stamp != self._taken:
            self._taken = stamp
            await self._reread()

    async def _forever(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except (FlowmatikError, OSError):
                log.exception("the model list could not be looked at")

    async def _reread(self) -> None:
        try:
            table = await asyncio.to_thread(self._read)
            if table is None and self._gateway.routes is not None:
                raise _gone(self._path)
            if table != self._gateway.routes:
                self._gateway.take(table)
                log.info("the model list has changed and is taken", extra={"file": self._path.name})
        except ConfigurationError as error:
            log.warning(
                "the model list has changed and cannot be used; the one before goes on",
                extra={"file": self._path.name, "error": error.message},
            )
            self._gateway.says(_faulty(self._gateway.list_state(), self._path.name, error, self._now()))
        else:
            named = self._path.name if table is not None else ""
            self._gateway.says(ListState(file=named, loaded_at=self._now()))

    def _now(self) -> str:
        return self._clock.now().isoformat()


class LiveNames(Collection[str]):
    """What the list that a gateway goes by names now: asked again each time."""

    def __init__(self, of: Callable[[], Collection[str]]) -> None:
        self._of = of

    def __contains__(self, name: object) -> bool:
        return name in self._of()

    def __iter__(self) -> Iterator[str]:
        return iter(self._of())

    def __len__(self) -> int:
        return len(self._of())


def names_and_tags(gateway: Gateway) -> tuple[LiveNames, LiveNames]:
    return (
        LiveNames(lambda: gateway.routes.names if gateway.routes else ()),
        LiveNames(lambda: gateway.routes.tags if gateway.routes else ()),
    )


def _stamp(path: Path) -> Stamp:
    """What differs when a file was written or replaced; None when there is none. Blocking."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _gone(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the model list {str(path)!r} is not there; write it, or correct models.file",
        code="config.models_missing",
        context={"file": str(path)},
    )


def _faulty(before: ListState, file: str, error: ConfigurationError, now: str) -> ListState:
    rows = cast("list[dict[str, Any]]", error.context.get("details") or [])
    values = {name: value for name, value in error.context.items() if name != "details"}
    itself = ListFault(place="", code=error.code, text=error.message, values=values)
    faults = tuple(
        ListFault(place=row["place"], code=row["code"], text=row["text"], values=row["values"])
        for row in rows
    )
    return ListState(
        file=before.file or file, loaded_at=before.loaded_at, faults=faults or (itself,), faulty_since=now
    )
