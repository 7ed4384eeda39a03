"""`StoredMemoryCare`: looking after a `StoredMemory`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory_care import (
    AlsoForgets,
    Erasure,
    ErasureRequest,
    KeepsOutside,
    Meant,
    Moved,
    Naming,
    Rebuilt,
)
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.ids import new_id
from flowmatik.memory import erasing, erasure, parts
from flowmatik.memory.erasing import Begun
from flowmatik.memory.loading import revision_of
from flowmatik.memory.outside.keeping import OutsideIndexes
from flowmatik.memory.rebuild import rebuild
from flowmatik.memory.records import Known
from flowmatik.memory.reembed import reembed
from flowmatik.memory.stored_memory import StoredMemory

_PURGES = 5  # attempts: a reader may be in the way for a moment


class StoredMemoryCare:
    """Implements `MemoryCare`. `others` keep things that came from documents, and forget with it."""

    def __init__(
        self,
        memory: StoredMemory,
        clock: Clock,
        *,
        others: Sequence[AlsoForgets] = (),
        said: Sequence[KeepsOutside] = (),
        indexes: OutsideIndexes | None = None,
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._others = tuple(others)
        self._said = tuple(said)
        self._indexes = indexes

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        steps = [step async for step in rebuild(self._within(workspace_id), workspace_id)]
        return steps[-1] if steps else Rebuilt(documents=0, chunks=0)

    async def reembed(self, workspace_id: str, embedder: str = "") -> Moved:
        known = self._memory.embedders
        target = known.known(embedder) if embedder else known.configured
        if target is None:
            there = ", ".join(known.ids()) or "–"
            raise NotFound(
                f"there is no embedder {embedder!r} here; there are: {there}",
                code="not_found.embedder",
                context={"embedder": embedder, "known": there},
            )
        database = self._within(workspace_id)
        counts = [count async for count in reembed(database, workspace_id, target)]
        self._memory.forget_cached(workspace_id)
        return Moved(
            embedder=(await revision_of(database, workspace_id))[1], chunks=counts[-1] if counts else 0
        )

    async def forget(
        self, workspace_id: str, request: ErasureRequest, *, by: str, rehearse: bool = False
    ) -> Erasure:
        target = erasure.target_of(request)
        database = self._within(workspace_id)
        found = await erasure.documents_meant(database, workspace_id, target)
        found = await parts.whole(database, workspace_id, found)
        merges, names = await erasing.said_of(database, workspace_id, target)
        labels = await erasing.labelled_files(database, workspace_id, target)
        asked = Meant(subject=request.subject, source=request.source, document=request.document)
        named = [await one.named(workspace_id, asked) for one in self._others]
        naming = [await each.naming(workspace_id, asked) for each in self._said]
        naming = [one for one in naming if one.count or one.unread]
        still = asked.subject and any(one.count for one in naming)
        if not (found or merges or names or labels or any(named) or still):
            raise _nothing_of_it(naming)
        begun = Begun(
            certificate=await self._certificate(workspace_id, target, found, by),
            documents=tuple((known.id, known.stamp.path) for known in found),
            merges=merges,
            names=names,
            labels=labels,
            subject=asked.subject,
            source=asked.source,
            document=asked.document,
        )
        certificate = replace(
            begun.certificate,
            naming=tuple(naming),
            outside=(*begun.certificate.outside, *_said(naming)),
            counts={
                **begun.certificate.counts,
                "merges": len(merges),
                "names": len(names),
                "labels": len(labels),
                **{one.name: await one.going(workspace_id, begun.meant) for one in self._others},
            },
        )
        if rehearse:
            return await self._rehearsed(workspace_id, replace(begun, certificate=certificate))
        begun = replace(begun, certificate=replace(certificate, id=new_id("era"), sources=()))
        await database.transaction([erasing.begins(workspace_id, begun)])
        return await self._finished(workspace_id, begun)

    async def _certificate(
        self, workspace_id: str, target: erasure.Target, found: Sequence[Known], by: str
    ) -> Erasure:
        """Of what would go."""
        ids = [known.id for known in found]
        counts = await erasure.counted(self._within(workspace_id), workspace_id, ids)
        salt, hashed = erasure.hashed(target)
        return Erasure(
            id="",
            made_at=self._clock.now().isoformat(),
            made_by=by,
            kind=cast("Any", target.kind),
            salt=salt,
            target=hashed,
            documents=len(found),
            hashes=tuple(sorted(known.stamp.content_hash for known in found)),
            counts=counts,
            stores=(
                self._memory.store.name,
                *(self._indexes.names if self._indexes else ()),
                *(one.name for one in self._others),
            ),
            outside=await self._outside([known.stamp.path for known in found]),
            purged=False,
            sources=tuple(known.source for known in found),
        )

    async def _rehearsed(self, workspace_id: str, begun: Begun) -> Erasure:
        plan, documents = begun.certificate, begun.meant.documents
        if self._indexes is None or not self._indexes.names or not documents:
            return plan
        going = await self._indexes.going(workspace_id, documents)
        return replace(plan, counts={**plan.counts, "indexes": going})

    async def finish(self, workspace_id: str, *, older_than: float = 0.0) -> list[Erasure]:
        """Erasures that somebody began and did not end, at least so many seconds ago, are ended; their
        certificates."""
        before = (self._clock.now() - timedelta(seconds=older_than)).isoformat()
        left = await erasing.left_over(self._within(workspace_id), workspace_id, before)
        return [await self._finished(workspace_id, begun) for begun in left]

    async def _finished(self, workspace_id: str, begun: Begun) -> Erasure:
        done, counts = begun.certificate, dict(begun.certificate.counts)
        await self._memory.sync.erase(workspace_id, begun.documents, erasing.unsaid(workspace_id, begun))
        self._memory.forget_cached(workspace_id)
        for one in self._others:
            went = await one.forget(workspace_id, begun.meant)
            counts[one.name] = max(counts.get(one.name, 0), went)  # some may have gone before it broke off
        if self._indexes is not None and self._indexes.names and begun.documents:
            ids = begun.meant.documents
            counts["indexes"] = counts.get("indexes", 0) + await self._indexes.forget(workspace_id, ids)
        if begun.documents:  # files may have gone meanwhile
            outside = await self._outside([path for _, path in begun.documents])
            done = replace(done, outside=(*outside, *_said(done.naming)))
        done = replace(done, counts=counts)
        database = self._within(workspace_id)
        await database.transaction([erasing.told(workspace_id, done)])
        done = replace(done, purged=await self._purged())
        if self._indexes is not None and not await self._indexes.purge(workspace_id):
            done = replace(done, purged=False, outside=(*done.outside, "indexes"))
        done = replace(done, digest=erasure.digest_of(done))
        await database.transaction(erasing.certified(workspace_id, done))
        return done

    async def erasures(self, workspace_id: str, *, after: str = "", limit: int = 100) -> list[Erasure]:
        rows = await self._within(workspace_id).fetch(
            "SELECT body FROM memory_erasures WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            *(workspace_id, after, limit),
        )
        return [erasing.erasure_of(canonical.loads(str(row[0]))) for row in rows]

    async def _outside(self, paths: Sequence[str]) -> tuple[str, ...]:
        kept = len(await self._memory.sync.leaving(paths)) < len(paths)
        log = self._memory.store.database.dialect == "postgresql"
        return (
            "backups",
            "journals",
            *(("files",) if kept else ()),
            *(("database_log",) if log else ()),
        )

    async def _purged(self) -> bool:
        for _ in range(_PURGES):
            if await self._memory.store.purge():
                return True
        return False

    def _within(self, workspace_id: str) -> Database:
        return self._memory.store.database.within(workspace_id)


def _said(naming: Sequence[Naming]) -> list[str]:
    """Runs stand among what is outside whomever they name: `journals`."""
    return [one.kind for one in naming if one.kind == "threads"]


def _nothing_of_it(naming: Sequence[Naming]) -> NotFound:
    unread = [one for one in naming if one.unread]
    if not unread:
        return NotFound(
            "memory has nothing of what should be forgotten; `flowmatik memory list` shows what there is",
            code="not_found.erasure",
        )
    count, runs = unread[0].unread, ", ".join(unread[0].unread_in)
    return NotFound(
        f"memory has nothing of what should be forgotten; but {count} blobs of runs are missing or damaged,"
        f" and may name it: {runs}",
        code="not_found.erasure_unread",
        context={"count": count, "runs": runs},
    )
