"""Deployments that are left alone from now on, told to the webhooks of those whom it concerns."""

import asyncio
import logging
from collections.abc import Callable

from flowmatik.contracts.alerts import BREAKER_EVENT
from flowmatik.integrations.alerts.store import HookStore
from flowmatik.integrations.routing.sharing import BreakerShare, Change
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.kernel.events import CloudEvent

log = logging.getLogger(__name__)
EACH_SECONDS = 300  # of one deployment no more is told, by whatever processes
MOST_WAITING = 1000
AGAIN_SECONDS = 5.0
# Model and workspaces of a deployment's id; None for the workspaces: all of them. None: nobody knows it.
Concerned = Callable[[str], tuple[str, tuple[str, ...] | None] | None]


class Openings:
    """`opened` may be called from any call of a model and waits for nothing; a task writes it down. While the
    store is away it waits; what comes on top of MOST_WAITING is lost."""

    def __init__(self, store: HookStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: asyncio.Queue[tuple[str, float]] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    def opened(self, deployment: str, seconds: float) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait((deployment, seconds))

    def start(self, concerned: Concerned) -> None:
        self._task = asyncio.create_task(self._tell(concerned), name="breaker-alerts")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _tell(self, concerned: Concerned) -> None:
        while True:
            deployment, seconds = await self._waiting.get()
            known = concerned(deployment)
            if known is not None:
                await self._note(deployment, seconds, *known)

    async def _note(
        self, deployment: str, seconds: float, model: str, workspaces: tuple[str, ...] | None
    ) -> None:
        now = self._clock.now()
        bucket = int(now.timestamp()) // EACH_SECONDS
        for workspace in ("",) if workspaces is None else workspaces:
            event = CloudEvent(
                id=f"breaker:{deployment}:{bucket}",
                source="/models/deployments",
                type=BREAKER_EVENT,
                time=now.isoformat(),
                subject=deployment,
                workspace_id=workspace,
                data={"deployment": deployment, "model": model, "seconds": round(seconds)},
            )
            while True:
                try:
                    await self._store.note(event, "breaker", workspace)
                    break
                except FlowmatikError as error:
                    log.info("alerts are not noted", extra={"error": error.message})
                    await self._clock.sleep(AGAIN_SECONDS)


class Heard:
    """A BreakerShare that also tells `opened` of deployments which are left alone for the first time since
    they last did well: probes that fail afterwards are no news."""

    def __init__(self, inner: BreakerShare, opened: Callable[[str, float], None]) -> None:
        self._inner = inner
        self._opened = opened

    def told(self, deployment: str, change: Change) -> None:
        self._inner.told(deployment, change)
        if change.kind == "open" and change.opened == 1:
            self._opened(deployment, change.seconds)

    async def may_probe(self, deployment: str, seconds: float) -> float:
        return await self._inner.may_probe(deployment, seconds)

    def unseen(self, deployment: str) -> None:
        self._inner.unseen(deployment)
