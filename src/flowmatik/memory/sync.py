"""Bringing the memory in line with files and folders: a few files are read and embedded side by side, each is
stored in one transaction, in their order."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.memory import DocumentLabels, IngestProgress, Notice
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import (
    ConfigurationError,
    Conflict,
    DocumentError,
    FlowmatikError,
    InvalidInput,
    NotFound,
)
from flowmatik.kernel.ids import new_id
from flowmatik.memory import kept_labels, kept_out, parts, reading, records
from flowmatik.memory.choosing import Embedders
from flowmatik.memory.comparing import (
    gone_of,
    keeps_title,
    lacks_links,
    moved_from,
    names_of,
    refusal,
    same_time,
    source_rows,
    stamp_of,
    understood,
)
from flowmatik.memory.formats import Format, Formats
from flowmatik.memory.gazetteers import supplied_to
from flowmatik.memory.isolation import Workers
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.loading import revision_of
from flowmatik.memory.numbering import Numbers
from flowmatik.memory.places import Places, is_within
from flowmatik.memory.prepare import Job, Prepared
from flowmatik.memory.rebuild import derive_again, derive_behind
from flowmatik.memory.records import DocumentRecord, Known, Stamp
from flowmatik.memory.scan import Found, read, scan, too_large
from flowmatik.memory.taking import Run, Seen, ToStore, is_current, side_by_side, unless_changed, welcome
from flowmatik.memory.vectors import Vectors
from flowmatik.memory.writing import SourceRow, erased, labelled, labelled_like, linked, restamped, stored

AT_ONCE = 4  # files under way
_TABLE_HEAD = 256 * 1024
_ATTEMPTS = 4  # against others who store the same document, or take the same name, at the same time


class Synchroniser:
    def __init__(
        self,
        database: Database,
        *,
        embedders: Embedders,
        clock: Clock,
        limits: IngestLimits,
        places: Places,
    ) -> None:
        """Raises ConfigurationError when a parser's manifest is wrong."""
        self._database = database
        self._places = places
        self._formats = Formats()
        self._embedders = embedders
        self._clock = clock
        self._limits = limits
        self._workers = Workers(limits)
        self._numbers = Numbers()
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Ends the parsers' processes."""
        await self._workers.close()

    async def run(
        self, workspace_id: str, paths: Sequence[Path], labels: DocumentLabels | None
    ) -> AsyncGenerator[IngestProgress]:
        """See `Memory.ingest`."""
        found = await asyncio.to_thread(scan, list(paths), self._places)
        rows = await asyncio.to_thread(source_rows, found.scopes, self._places.resolved())
        run = await self.begin(workspace_id, rows, labels)
        known = await reading.known_documents(run.database, workspace_id, run.embedder_id)
        behind = parts.unembedded(known) if run.embedder else frozenset[str]()
        run = replace(run, behind=behind, handed_over=frozenset(found.scopes))
        unknown = [path for path in found.missing if not any(is_within(Path(k), path) for k in known)]
        if unknown:
            paths_given = ", ".join(map(str, unknown))
            raise InvalidInput(
                f"no such file or folder: {paths_given}; check the path",
                code="input.paths",
                context={"paths": paths_given},
            )
        gone = gone_of(found, known, self._places.resolved())
        done, total = 0, len(found.found) + len(found.refused) + len(gone)
        for refused in found.refused:
            done += 1
            await self._keep_labels(run, refused.path)
            yield replace(refusal(refused), done=done, total=total)
        reading_them = (partial(self._read, run, file, known.get(str(file.path))) for file in found.found)
        async with side_by_side(reading_them, AT_ONCE) as under_way:
            for file, task in zip(found.found, under_way, strict=True):
                try:
                    progress = await self._stored(await task)
                except Conflict:
                    progress = await self._file(run, file)
                if progress.outcome == "moved":
                    total -= 1
                done += 1
                yield replace(progress, done=done, total=max(done, total))
        for path in gone:
            async with self._lock:
                deleted = await self._delete(run, path)
            if deleted is not None:
                done += 1
                yield replace(deleted, done=done, total=max(done, total))

    async def begin(
        self, workspace_id: str, sources: tuple[SourceRow, ...], labels: DocumentLabels | None = None
    ) -> Run:
        """For `take` and `drop`."""
        database = self._database.within(workspace_id)
        embedder = self._embedders.of((await revision_of(database, workspace_id))[1])
        return Run(
            workspace_id=workspace_id,
            database=database,
            embedder=embedder,
            vectors=Vectors(embedder),
            labels=labels,
            sources=sources,
            supplied=await supplied_to(database, workspace_id),
        )

    async def take(
        self, run: Run, file: Found, labels: DocumentLabels, *, asked_for: bool = False
    ) -> IngestProgress:
        """One file of a source, as `run` does it with those that it finds; `asked_for`: somebody has named
        this very one."""
        run = replace(run, labels=labels, handed_over=frozenset({file.path} if asked_for else ()))
        known = await reading.known_at(run.database, run.workspace_id, run.embedder_id, str(file.path))
        return await self._file(run, file, known)

    async def drop(self, run: Run, path: Path) -> bool:
        """Whether there was a document of that file. Its source says of it what there is to say when it comes
        back."""
        async with self._lock:
            there = await self._delete(run, str(path)) is not None
            await run.database.transaction(kept_labels.unsaid(run.workspace_id, [str(path)]))
        return there

    async def remove(self, workspace_id: str, ref: str, on_behalf: reading.OnBehalf = None) -> list[Known]:
        """See `Memory.remove`; what is left in free pages is the caller's."""
        async with self._lock:
            at, named = self._database.within(workspace_id), bool(ref.strip("/"))
            found = await reading.documents_of(at, workspace_id, ref, on_behalf) if named else []
            found = await parts.with_parts(at, workspace_id, found)
            if not found:
                raise NotFound(
                    f"memory has no document {ref!r}; `flowmatik memory list` shows those that there are",
                    code="not_found.document",
                    context={"document": ref},
                )
            gone = [(known.id, known.stamp.path) for known in found]
            await self.erase(
                workspace_id,
                gone,
                kept_labels.unsaid(workspace_id, await self.leaving([path for _, path in gone])),
            )
        return found

    async def leaving(self, paths: Sequence[str]) -> list[str]:
        """Those that are not there any more, or go with their document: of the others people expect that who
        may see them is the same when they are taken again."""

        def goes(path: Path) -> bool:
            return self._places.resolved().is_upload(path) or not os.path.lexists(path)

        return await asyncio.to_thread(lambda: [path for path in paths if goes(Path(path))])

    async def erase(
        self, workspace_id: str, documents: Sequence[tuple[str, str]], also: Sequence[Statement] = ()
    ) -> None:
        """All or none of them, by id and path; then the files that are memory's own."""
        statements = [statement for one, _ in documents for statement in erased(workspace_id, one)]
        if statements or also:
            await self._database.within(workspace_id).transaction([*statements, *also])
        for _, path in documents:
            await asyncio.to_thread(self._places.discard, Path(path))

    async def _delete(self, run: Run, path: str) -> IngestProgress | None:
        known = await reading.known_at(run.database, run.workspace_id, "", path)
        if known is None:  # it has moved meanwhile
            return None
        await self._erase_whole(run, known)
        return IngestProgress(source=known.source, outcome="deleted")

    async def _erase_whole(self, run: Run, known: Known) -> None:
        """With its parts."""
        below = await parts.below(run.database, run.workspace_id, known.stamp.path)
        gone = [one for each in (known, *below) for one in erased(run.workspace_id, each.id)]
        await run.database.transaction(gone)

    async def _file(self, run: Run, file: Found, before: Known | None = None) -> IngestProgress:
        for attempt in range(_ATTEMPTS):
            try:
                return await self._stored(await self._read(run, file, None if attempt else before))
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _read(self, run: Run, file: Found, before: Known | None) -> IngestProgress | ToStore:
        """What is to be stored of it, or what became of it. `before` is what was known at the start of the
        run; anything but "unchanged" looks again, because another run may have been here."""
        async with self._lock:
            if before and same_time(before, file) and is_current(run, before) and not lacks_links(before):
                return await self._unchanged(run, file, before)
            seen = await self._looked_at(run, file)
        if isinstance(seen, IngestProgress):
            return seen
        try:
            prepared, notices = await self._prepared(seen)
        except (DocumentError, ConfigurationError) as error:
            async with self._lock:
                await unless_changed(seen)
                return await self._refused(run, file, seen.name, seen.known, error)
        return ToStore(seen=seen, prepared=prepared, notices=notices)

    async def _unchanged(self, run: Run, file: Found, before: Known) -> IngestProgress:
        if before.derived != run.supplied.derived:
            await derive_again(run.database, run.workspace_id, before.id, run.supplied)
        labels = await parts.labelled_whole(run.database, run.workspace_id, before, run.labels)
        if labels:
            await run.database.transaction(
                [*labels, *kept_labels.standing(run.workspace_id, file.path, run.labels)]
            )
        return IngestProgress(source=before.source, outcome="unchanged", chunks=before.chunks)

    async def _looked_at(self, run: Run, file: Found) -> IngestProgress | Seen:
        database, workspace_id = run.database, run.workspace_id
        known = await reading.known_at(database, workspace_id, run.embedder_id, str(file.path))
        name = known.source if known else await reading.free_name(database, workspace_id, names_of(file))
        try:
            return await self._changed(run, file, self._formats.reading(file.path, name), name, known)
        except (DocumentError, ConfigurationError) as error:
            return await self._refused(run, file, name, known, error)

    async def _refused(
        self, run: Run, file: Found, name: str, known: Known | None, error: FlowmatikError
    ) -> IngestProgress:
        if known and not error.retryable:  # what it held before is no longer in the file
            await self._erase_whole(run, known)
        if not error.retryable:
            await asyncio.to_thread(self._places.discard, file.path)
        if error.code != kept_out.FORGOTTEN:
            await self._keep_labels(run, file.path)
        return IngestProgress(
            source=name,
            outcome="skipped",
            reason=error.message,
            code=error.code,
            values=dict(error.context),
        )

    async def _keep_labels(self, run: Run, path: Path) -> None:
        """Of a file that cannot be read for now, and stays where it is; and of what memory holds of it."""
        if run.labels is None or not await asyncio.to_thread(path.exists):
            return
        statements = kept_labels.standing(run.workspace_id, path, run.labels)
        known = await reading.known_at(run.database, run.workspace_id, "", str(path)) if statements else None
        if known is not None:
            statements += await parts.labelled_whole(run.database, run.workspace_id, known, run.labels)
        await run.database.transaction(statements)

    async def _changed(
        self, run: Run, file: Found, fmt: Format, name: str, known: Known | None
    ) -> IngestProgress | Seen:
        limit = self._limits.max_table_bytes if fmt.is_table else self._limits.max_file_bytes
        if file.size > limit:
            raise too_large(name, file.size, limit)
        keep = _TABLE_HEAD if fmt.is_table else limit
        data, digest, status = await asyncio.to_thread(read, file, keep=keep, max_bytes=limit)
        stamp = stamp_of(file, digest, status, self._clock.now().timestamp())
        if file.path not in run.handed_over:
            await kept_out.refuse(run.database, run.workspace_id, stamp, name)
        origin = known
        if known is None:
            twins = await reading.known_with(run.database, run.workspace_id, run.embedder_id, digest)
            origin = await asyncio.to_thread(moved_from, twins)
            if origin is not None and origin.source == file.relative:
                name = origin.source
        if run.labels is None:
            labels = await kept_labels.labels_for(run.database, run.workspace_id, stamp, origin)
            run = replace(run, labels=labels)
        same = bool(origin and origin.stamp.content_hash == digest and keeps_title(origin, name))
        if origin and same and is_current(run, origin) and not lacks_links(origin):
            return await self._kept(run, origin, name, stamp, moved=known is None)
        return Seen(
            run=run,
            format_id=fmt.id,
            data=data,
            name=name,
            stamp=stamp,
            known=known,
            origin=origin,
            same=same,
        )

    async def _stored(self, given: IngestProgress | ToStore) -> IngestProgress:
        """Raises Conflict when memory holds something else of it by now than when it was read."""
        if isinstance(given, IngestProgress):
            return given
        seen, prepared, notices = given.seen, given.prepared, given.notices
        run, known, origin = seen.run, seen.known, seen.origin
        async with self._lock:
            await unless_changed(seen)
            bare = not parts.has_vectors(prepared)
            if origin and seen.same and understood(origin) and bare:  # nothing new, not even vectors
                if lacks_links(origin):
                    whole = (prepared.record, *(part.record for part in parts.parts_of(prepared)))
                    await run.database.transaction([linked(run.workspace_id, one) for one in whole])
                kept = await self._kept(run, origin, seen.name, seen.stamp, moved=known is None)
                return replace(kept, notices=notices)
            passages = await self._store(run, prepared, () if origin is None else (origin.stamp.path,))
        outcome = "updated" if known else "moved" if origin else "added"
        return IngestProgress(source=seen.name, outcome=outcome, chunks=passages, notices=notices)

    async def _store(self, run: Run, prepared: Prepared, before: tuple[str, ...]) -> int:
        """The document with its parts as they are now, and none that lay `before` below it, at once. How many
        passages they have."""
        records_now = [prepared.record, *(part.record for part in parts.parts_of(prepared))]
        now = {record.id for record in records_now}
        statements: list[Statement] = []
        for path in {*before, prepared.record.stamp.path}:
            for old in await parts.below(run.database, run.workspace_id, path):
                if old.id not in now:
                    statements += erased(run.workspace_id, old.id)
        for record in records_now:
            statements += await self._statements(run, record)
        if run.labels is None:
            for part in records_now[1:]:
                statements += labelled_like(run.workspace_id, part.id, prepared.record.id)
        statements += kept_labels.with_file(run.workspace_id, prepared.record.stamp, run.labels, before)
        await run.database.transaction([*statements, welcome(run, prepared.record.stamp)])
        return sum(len(record.chunks) for record in records_now)

    async def _statements(self, run: Run, record: DocumentRecord) -> list[Statement]:
        workspace_id, count = run.workspace_id, len(record.chunks)
        first = await self._numbers.take(run.database, workspace_id, count)
        source = run.source_of(Path(record.stamp.path))
        labels = run.labels
        statements = await asyncio.to_thread(
            stored, workspace_id, record, source, first, run.supplied, labels
        )
        if labels is not None:
            statements += labelled(workspace_id, record.id, labels)
        return statements

    async def _kept(self, run: Run, origin: Known, name: str, stamp: Stamp, *, moved: bool) -> IngestProgress:
        statements = restamped(run.workspace_id, origin.id, name, stamp)
        statements += await parts.labelled_whole(run.database, run.workspace_id, origin, run.labels)
        if moved:
            where = ((origin.stamp.path, origin.source), (stamp.path, name))
            statements += await parts.moved_below(run.database, run.workspace_id, *where)
        statements += kept_labels.with_file(run.workspace_id, stamp, run.labels, (origin.stamp.path,))
        await run.database.transaction([*statements, welcome(run, stamp)])
        await derive_behind(run.database, run.workspace_id, stamp.path, run.supplied)
        outcome = "moved" if moved else "unchanged"
        return IngestProgress(source=name, outcome=outcome, chunks=origin.chunks)

    async def _prepared(self, seen: Seen) -> tuple[Prepared, tuple[Notice, ...]]:
        """With vectors, in its parts too; without where only links were lacking."""
        job = Job(
            format_id=seen.format_id,
            name=seen.name,
            data=seen.data,
            document_id=seen.origin.id if seen.origin else new_id("doc"),
            stamp=seen.stamp,
            at=self._clock.now().isoformat(),
        )
        bare = await self._workers.prepare(job)
        if seen.origin and seen.same and is_current(seen.run, seen.origin):
            return bare, bare.notices
        prepared, notices = await self._embedded(seen.run, bare)
        return prepared, (*bare.notices, *parts.left_out(bare), *notices)

    async def _embedded(self, run: Run, bare: Prepared) -> tuple[Prepared, list[Notice]]:
        record, notices = await run.vectors.add(records.storable(bare.record), bare.contexts)
        inner: list[Prepared] = []
        for part in bare.parts:
            one, more = await self._embedded(run, part)
            inner.append(one)
            notices = [*notices, *more]
        return replace(bare, record=record, parts=tuple(inner)), notices
