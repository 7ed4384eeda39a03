"""`StoredSources`: sources and their syncs, each a task of this process that another one can go on with."""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flowmatik.contracts.database import Database
from flowmatik.contracts.security import Principal
from flowmatik.contracts.sources import Cause, Entry, FailedDocument, NewSource, Source, SyncReport
from flowmatik.contracts.waits import Hook, HookTokens
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound, Unavailable
from flowmatik.kernel.ids import new_id
from flowmatik.memory import kept_out
from flowmatik.memory.stored_memory import StoredMemory
from flowmatik.memory.syncing.copies import Copies, safe_name
from flowmatik.memory.syncing.definitions import SourceDefinitions, SyncReports
from flowmatik.memory.syncing.forgetting import SourceEntries, place_in
from flowmatik.memory.syncing.kinds import SourceKinds
from flowmatik.memory.syncing.rows import Definition, Kept, new_definition, said_of
from flowmatik.memory.syncing.store import LEASE_SECONDS, SourceRows, waiting
from flowmatik.memory.syncing.work import Needs, SyncWork
from flowmatik.memory.writing import SourceRow

log = logging.getLogger(__name__)
HOOK_PATH = "/v1/source-hooks/"
EVERY_SECONDS = 2.0
BEAT_SECONDS = 15.0
MAX_BYTES = 200 * 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_CAUSES: dict[int, Cause] = {1: "schedule", 2: "hook", 3: "retry"}
_SYNC = "sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """`alone`: no other process syncs sources of this store. `next_firing(cron, timezone, seconds)`: when
    next, in Unix seconds; raises InvalidInput. `everywhere` sees all workspaces."""

    database: Database
    everywhere: Database
    alone: bool
    copies: Path
    tokens: HookTokens
    next_firing: Callable[[str, str, int], int | None]
    clock: Clock
    max_bytes: int = MAX_BYTES


class StoredSources:
    """Implements `Sources` and `SourceHooks`; `close` leaves unfinished syncs to whoever comes next."""

    def __init__(self, memory: StoredMemory, kinds: SourceKinds, around: Around) -> None:
        self._memory = memory
        self._kinds = kinds
        self._around = around
        self._copies = Copies(around.copies)
        self._clock = around.clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._owners: set[str] = set()

    @property
    def entries(self) -> SourceEntries:
        return SourceEntries(self._around.database, self._memory.store.database, self._copies, self._clock)

    @property
    def reports(self) -> SyncReports:
        return SyncReports(self._around.database, self._copies)

    @property
    def definitions(self) -> SourceDefinitions:
        return SourceDefinitions(self._around.database, self._copies)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def kinds(self) -> Sequence[tuple[str, str]]:
        return self._kinds.all()

    async def add(self, principal: Principal, new: NewSource) -> Source:
        if not _NAME.fullmatch(new.name):
            raise InvalidInput(
                f"{new.name[:100]!r} cannot name a source; use small letters, digits, points and dashes",
                code="input.source.name",
                context={"name": new.name[:100]},
            )
        await self._kinds.open(new.kind, new.settings, principal.workspace_id).close()
        due = self._around.next_firing(new.cron, new.timezone, self._seconds()) if new.cron else None
        made = new_definition(
            principal.workspace_id,
            new_id("src"),
            new,
            by=principal.id,
            at=self._clock.now().isoformat(),
            hook=secrets.token_hex(8),
        )
        rows = self._rows(principal.workspace_id)
        try:
            await rows.add(replace(made, next_at=due))
        except Conflict as error:
            raise Conflict(
                f"there is a source {new.name!r} already; choose another name",
                code="conflict.source",
                context={"source": new.name},
            ) from error
        return await rows.shown(await rows.definition(made.id))

    async def list(self, principal: Principal) -> Sequence[Source]:
        rows = self._rows(principal.workspace_id)
        return [await rows.shown(one) for one in await rows.definitions()]

    async def get(self, principal: Principal, ref: str) -> Source:
        rows = self._rows(principal.workspace_id)
        return await rows.shown(await rows.definition(ref))

    async def remove(self, principal: Principal, ref: str, *, keep: bool = False) -> int:
        rows = self._rows(principal.workspace_id)
        one = await rows.definition(ref)
        owner = new_id("wkr")
        if self._is_worked_at(one) or not await rows.claim(one, owner, self._seconds(), None):
            raise Conflict(
                f"the source {one.name!r} is being synced; try again when that has ended",
                code="conflict.source_syncing",
                context={"source": one.name},
            )
        self._owners.add(owner)
        try:
            removed = 0 if keep else await self._documents_removed(one, rows)
            await rows.remove(one.id)
        finally:
            self._owners.discard(owner)
            await rows.let_go(one.id, owner)
        await self._tidied(one, removed > 0)
        return removed

    async def _documents_removed(self, one: Definition, rows: SourceRows) -> int:
        reader = self._kinds.open(one.kind, one.settings, one.workspace_id)
        await reader.close()
        root = reader.in_place or self._copies.root(one.workspace_id, one.id)
        source = SourceRow(kind=one.kind, name=one.name, location=str(root))
        run = await self._memory.sync.begin(one.workspace_id, (source,))
        removed = 0
        for kept in (await rows.kept(one.id)).values():
            removed += await self._memory.sync.drop(run, root / kept.name)
            if reader.in_place is None:
                await asyncio.to_thread(self._copies.remove, root / kept.name, root)
        return removed

    async def sync(self, principal: Principal, ref: str) -> SyncReport:
        rows = self._rows(principal.workspace_id)
        return await self._started(await rows.definition(ref), rows, "manual")

    async def report(self, principal: Principal, ref: str, sync_id: str) -> SyncReport:
        rows = self._rows(principal.workspace_id)
        return await rows.sync((await rows.definition(ref)).id, sync_id)

    async def syncs(self, principal: Principal, ref: str, *, limit: int = 20) -> Sequence[SyncReport]:
        rows = self._rows(principal.workspace_id)
        return await rows.syncs((await rows.definition(ref)).id, limit)

    async def failures(
        self, principal: Principal, ref: str, *, after: str = "", limit: int = 100
    ) -> Sequence[FailedDocument]:
        rows = self._rows(principal.workspace_id)
        return await rows.failures((await rows.definition(ref)).id, after, limit)

    async def retry(self, principal: Principal, ref: str, paths: Sequence[str] = ()) -> SyncReport:
        rows = self._rows(principal.workspace_id)
        one = await rows.definition(ref)
        due = await rows.make_due(one.id, paths) + await self._let_in(one, rows, paths)
        if not due and paths:
            raise NotFound(
                f"the source {one.name!r} has no dead letter {paths[0][:200]!r}; "
                "`flowmatik memory sources failures` shows those that there are",
                code="not_found.source_failure",
                context={"source": one.name, "path": paths[0][:200]},
            )
        if self._is_worked_at(one):  # it may have passed them by
            await rows.ask_again(one.id, 3)
        return await self._started(one, rows, "retry")

    async def _let_in(self, one: Definition, rows: SourceRows, paths: Sequence[str]) -> int:
        """What was forgotten is asked for by its path, and has a row again."""
        places = {place_in(one.id, path): path for path in paths}
        memory = self._memory.store.database.within(one.workspace_id)
        out = sorted(await kept_out.among(memory, one.workspace_id, list(places)))
        for place in out:
            entry = Entry(path=places[place])
            asked = Kept(
                path=entry.path, name=safe_name(entry.path), version="", state="due", sync="",
                said=said_of(entry),
            )  # fmt: skip
            await rows.record(one.id, asked, self._clock.now().isoformat(), None)
        if out:
            await memory.transaction(kept_out.places_in(one.workspace_id, out))
        return len(out)

    async def hook(self, principal: Principal, ref: str, *, renew: bool = False) -> str:
        rows = self._rows(principal.workspace_id)
        one = await rows.definition(ref)
        if renew:
            await rows.renew_hook(one.id, secrets.token_hex(8))
            one = await rows.definition(one.id)
        hook = Hook(workspace_id=one.workspace_id, run_id=one.id, wait_id=f"{_SYNC}:{one.hook}")
        return f"{HOOK_PATH}{self._around.tokens.issue(hook)}"

    async def knock(self, token: str) -> None:
        hook = self._around.tokens.read(token)
        unknown = NotFound("no source waits at this address", code="not_found.hook")
        if hook is None or not hook.wait_id.startswith(f"{_SYNC}:"):
            raise unknown
        rows = self._rows(hook.workspace_id)
        try:
            one = await rows.definition(hook.run_id)
        except NotFound as error:
            raise unknown from error
        if not secrets.compare_digest(hook.wait_id, f"{_SYNC}:{one.hook}"):
            raise unknown
        await rows.ask_again(one.id, 2)

    async def sweep(self) -> None:
        """What the clock, a hook or a dead process has left to be done, in all workspaces."""
        now = self._seconds()
        for one in await waiting(self._around.everywhere, now):
            rows = self._rows(one.workspace_id)
            due = one.next_at
            if due is not None and due <= now:
                following = self._around.next_firing(one.cron, one.timezone, now)
                if await rows.schedule(one.id, due, following):
                    one = await rows.definition(one.id)
            if not self._is_worked_at(one) and (one.sync or one.again):
                await self._started(one, rows, _CAUSES.get(one.again, "manual"))

    async def settled(self) -> None:
        """Until no sync is going on in this process."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _started(self, one: Definition, rows: SourceRows, cause: Cause) -> SyncReport:
        """The sync that goes on, that is gone on with, or a new one."""
        now = self._clock.now().isoformat()
        fresh = SyncReport(id=new_id("syn"), source_id=one.id, cause=cause, status="running", started_at=now)
        if not self._is_worked_at(one):
            owner = new_id("wkr")
            self._owners.add(owner)
            if await rows.claim(one, owner, self._seconds(), None if one.sync else fresh):
                one = replace(one, sync=one.sync or fresh.id, owner=owner)
                task = asyncio.create_task(self._work(one, rows, owner), name=f"sync {one.name}")
                self._tasks[owner] = task
                task.add_done_callback(lambda _: self._tasks.pop(owner, None))
            else:
                self._owners.discard(owner)
                one = await rows.definition(one.id)
        try:
            return await rows.sync(one.id, one.sync)
        except NotFound:  # it was forgotten while the sync goes on
            await rows.tell(one, replace(fresh, id=one.sync))
        return await rows.sync(one.id, one.sync)

    def _is_worked_at(self, one: Definition) -> bool:
        """A process that is gone works at nothing; where there can be others, their leases say so."""
        if not one.owner or one.owner in self._owners:
            return bool(one.owner)
        return not self._around.alone and one.beat_at > self._seconds() - LEASE_SECONDS

    async def _work(self, one: Definition, rows: SourceRows, owner: str) -> None:
        cursor: str | None = None
        fault: FlowmatikError | None = None
        try:
            async with self._beating(one, rows, owner):
                cursor = await self._synced(one, rows)
        except asyncio.CancelledError:
            await rows.let_go(one.id, owner)
            raise
        except FlowmatikError as error:
            fault = error
        except Exception as error:  # it would begin again and fail for ever
            log.exception("a sync failed", extra={"source_id": one.id})
            fault = Unavailable(
                f"the sync ended with an internal fault: {type(error).__name__}; the log says more",
                code="unavailable.sync",
                retryable=False,
                context={"fault": type(error).__name__},
            )
        finally:
            self._owners.discard(owner)
        now = self._clock.now().isoformat()
        try:
            await rows.end(one.id, owner, one.sync, now, cursor=cursor, fault=fault)
        except FlowmatikError as error:  # it is taken up again when the store is back
            log.warning("a sync could not be ended", extra={"source_id": one.id, "error": error.code})

    async def _synced(self, one: Definition, rows: SourceRows) -> str:
        reader = self._kinds.open(one.kind, one.settings, one.workspace_id)
        needs = Needs(
            sync=self._memory.sync, copies=self._copies, clock=self._clock, most=self._around.max_bytes
        )
        try:
            cursor = await SyncWork(one, one.sync, rows, reader, needs).run()
        finally:
            await reader.close()
        await self._tidied(one, await rows.has_removed(one.sync))
        return cursor

    async def _tidied(self, one: Definition, removed: bool) -> None:
        self._memory.forget_cached(one.workspace_id)
        if removed:
            await self._memory.store.tidy()

    @asynccontextmanager
    async def _beating(self, one: Definition, rows: SourceRows, owner: str) -> AsyncGenerator[None]:
        async def beat() -> None:
            while True:
                await self._clock.sleep(BEAT_SECONDS)
                try:
                    await rows.beat(one.id, owner, self._seconds())
                except FlowmatikError as error:
                    log.warning("a sync cannot say that it lives", extra={"error": error.code})

        task = asyncio.create_task(beat(), name="sync beats")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _rows(self, workspace_id: str) -> SourceRows:
        return SourceRows(self._around.database, workspace_id)

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())
