"""Which engine a command talks to: its own, the one that has the home already, or a server."""

import asyncio
import dataclasses
import importlib
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from flowmatik.app.backend import Backend
from flowmatik.app.local_token import read_local_token
from flowmatik.app.patient_runs import PatientRuns, StorePatience
from flowmatik.app.settings import Settings
from flowmatik.contracts.paid_calls import Spender, act_for
from flowmatik.kernel.errors import Unavailable
from flowmatik.stores.home_lock import HomeLock

if TYPE_CHECKING:
    from flowmatik.app.wiring import Platform

log = logging.getLogger(__name__)
SERVE_AFTER_SECONDS = 0.3
PATIENCE_SECONDS = 45.0  # a process on a busy machine may need half a minute before it answers
LOOK_EVERY_SECONDS = 0.05
HOME_IN_USE = "unavailable.home_in_use"
NO_SAYING = StorePatience()


@asynccontextmanager
async def connect_url(
    url: str,
    api_key: str,
    *,
    language: str = "en",
    same_disk: bool = False,
    patience: StorePatience = NO_SAYING,
) -> AsyncGenerator[Backend]:
    """`language`: in which the server says what is wrong; `patience`: with the server's store."""
    from flowmatik.app.remote_backend import RemoteBackend

    remote = RemoteBackend(url, api_key, language=language, same_disk=same_disk)
    remote.runs = PatientRuns(remote.runs, patience)
    try:
        yield remote
    finally:
        await remote.close()


@asynccontextmanager
async def connect_home(
    settings: Settings, *, language: str = "en", patience: StorePatience = NO_SAYING
) -> AsyncGenerator[Backend]:
    """The engine of the home is this process, or the process that is already. An engine that is
    at work for more than a moment also serves the API on a free local port, so that other commands
    can submit through it.

    Raises Unavailable when the other process does not get ready.
    """
    async with AsyncExitStack() as stack:
        yield await _engine_or_client(settings, stack, language, patience)


async def _engine_or_client(
    settings: Settings, stack: AsyncExitStack, language: str, patience: StorePatience
) -> Backend:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE_SECONDS
    while True:
        if (engine := await _as_engine(settings, stack)) is not None:
            return dataclasses.replace(engine, runs=PatientRuns(engine.runs, patience))
        holder = await asyncio.to_thread(HomeLock(settings.home).holder)
        if holder and holder.get("url"):
            token = await asyncio.to_thread(read_local_token, settings)
            client = connect_url(
                str(holder["url"]), token, language=language, same_disk=True, patience=patience
            )
            return await stack.enter_async_context(client)
        if loop.time() > give_up:
            pid = (holder or {}).get("pid")
            raise Unavailable(
                f"process {pid} has the home {str(settings.home)!r} but does not answer; wait until it has "
                "started, or stop it",
                code=HOME_IN_USE,
                context={"home": str(settings.home), "pid": pid},
            )
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _as_engine(settings: Settings, stack: AsyncExitStack) -> "Platform | None":
    from flowmatik.app.wiring import open_platform

    try:
        platform = await stack.enter_async_context(open_platform(settings, recover_all=False))
    except Unavailable as error:
        if error.code != HOME_IN_USE:
            raise
        return None
    act_for(Spender(workspace_id=platform.workspace_id, principal=platform.principal.id))
    serving = asyncio.create_task(_serve_meanwhile(platform), name="loopback")
    stack.push_async_callback(_end, serving)
    return platform


async def _serve_meanwhile(platform: "Platform") -> None:
    """Until cancelled. Not at once: most commands are done before anybody could ask, and loading
    the API takes longer than they do."""
    await asyncio.sleep(SERVE_AFTER_SECONDS)
    web = await asyncio.to_thread(importlib.import_module, "flowmatik.app.web")
    async with web.serve_platform(platform, host="127.0.0.1", port=0, drain_seconds=0.5):
        await asyncio.Event().wait()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(outcome, Exception):
        log.warning("other commands could not be served", extra={"reason": str(outcome)})
