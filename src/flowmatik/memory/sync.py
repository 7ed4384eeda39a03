"""Bringing the memory in line with files and folders, one file and one transaction at a time."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from flowmatik.contracts.memory import Embedder, IngestProgress, Notice
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import (
    ConfigurationError,
    DocumentError,
    InvalidInput,
    NotFound,
)
from flowmatik.kernel.ids import new_id
from flowmatik.memory import parts, records
from flowmatik.memory.formats import Format, Formats
from flowmatik.memory.isolation import Workers
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.places import Places, is_within
from flowmatik.memory.prepare import Job, Prepared
from flowmatik.memory.records import DocumentRecord, Known, Stamp
from flowmatik.memory.scan import PRIVATE, Found, Scan, read, scan, too_large
from flowmatik.memory.store import Store
from flowmatik.memory.vectors import Vectors

_TABLE_HEAD = 256 * 1024
_RACY_SECONDS = 2.0


class Synchroniser:
    def __init__(
        self,
        store: Store,
        *,
        embedder: Embedder | None,
        clock: Clock,
        limits: IngestLimits,
        places: Places,
    ) -> None:
        """Raises ConfigurationError when a parser's manifest is wrong."""
        self._store = store
        self._places = places
        self._formats = Formats()
        self._embedder = embedder
        self._clock = clock
        self._limits = limits
        self._workers = Workers(limits)
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Ends the parsers' processes."""
        await self._workers.close()

    async def run(self, workspace_id: str, paths: Sequence[Path]) -> AsyncIterator[IngestProgress]:
        """See `Memory.ingest`. Two runs at a time take turns, file by file."""
        found = await asyncio.to_thread(scan, list(paths), self._places)
        known = await self._store.read(records.known_documents, workspace_id)
        unknown = [path for path in found.missing if not any(is_within(Path(k), path) for k in known)]
        if unknown:
            paths_given = ", ".join(map(str, unknown))
            raise InvalidInput(
                f"no such file or folder: {paths_given}; check the path",
                code="input.paths",
                context={"paths": paths_given},
            )
        gone, vectors = _gone(found, known, self._places.resolved()), Vectors(self._embedder)
        done, total = 0, len(found.found) + len(found.refused) + len(gone)
        for refused in found.refused:
            done += 1
            yield IngestProgress(
                source=refused.relative,
                outcome="skipped",
                reason=refused.reason,
                code=refused.code,
                values={"why": refused.why} if refused.why else {},
                done=done,
                total=total,
            )
        for file in found.found:
            async with self._lock:
                progress = await self._file(workspace_id, file, known.get(str(file.path)), vectors)
            if progress.outcome == "moved":
                total -= 1
            done += 1
            yield replace(progress, done=done, total=max(done, total))
        for path in gone:
            async with self._lock:
                deleted = await self._delete(workspace_id, path)
            if deleted is not None:
                done += 1
                yield replace(deleted, done=done, total=max(done, total))

    async def remove(self, workspace_id: str, ref: str) -> list[str]:
        """See `Memory.remove`."""
        async with self._lock:
            found = await self._store.read(records.documents_of, workspace_id, ref) if ref.strip("/") else []
            if not found:
                raise NotFound(
                    f"memory has no document {ref!r}; `flowmatik memory list` shows those that there are",
                    code="not_found.document",
                    context={"document": ref},
                )
            ids = [known.id for known in found]
            await self._store.write(records.delete_documents, workspace_id, ids)
            await self._store.fold_in()
            for known in found:
                await asyncio.to_thread(self._places.discard, Path(known.stamp.path))
        return [known.source for known in found]

    async def _delete(self, workspace_id: str, path: str) -> IngestProgress | None:
        known = await self._store.read(records.known_at, workspace_id, path)
        if known is None:  # it has moved meanwhile
            return None
        await self._store.write(records.delete_document, workspace_id, known.id)
        await self._store.write(parts.drop_below, workspace_id, path)
        return IngestProgress(source=known.source, outcome="deleted")

    async def _file(
        self, workspace_id: str, file: Found, before: Known | None, vectors: Vectors
    ) -> IngestProgress:
        """`before` is what was known at the start of the run; anything but "unchanged" looks again,
        because another run may have been here."""
        if before and self._same_time(before, file) and self._current(before):
            return IngestProgress(source=before.source, outcome="unchanged", chunks=before.chunks)
        known = await self._store.read(records.known_at, workspace_id, str(file.path))
        name = (
            known.source if known else await self._store.read(records.free_name, workspace_id, _names(file))
        )
        fmt = self._formats.of(file.path)
        try:
            if fmt is None:
                raise DocumentError(
                    f"{name}: no parser reads {file.path.suffix or 'a file without suffix'}; known are "
                    f"{' '.join(self._formats.suffixes())}",
                    code="document.unsupported",
                    context={"known": " ".join(self._formats.suffixes())},
                )
            return await self._changed(workspace_id, file, fmt, name, known, vectors)
        except (DocumentError, ConfigurationError) as error:
            if known and not error.retryable:  # what it held before is no longer in the file
                await self._store.write(records.delete_document, workspace_id, known.id)
                await self._store.write(parts.drop_below, workspace_id, str(file.path))
            if not error.retryable:
                await asyncio.to_thread(self._places.discard, file.path)
            return IngestProgress(
                source=name,
                outcome="skipped",
                reason=error.message,
                code=error.code,
                values=dict(error.context),
            )

    def _same_time(self, known: Known, file: Found) -> bool:
        stamp = known.stamp
        return stamp.mtime_ns != 0 and (stamp.size, stamp.mtime_ns) == (file.size, file.mtime_ns)

    def _current(self, known: Known) -> bool:
        embedded = self._embedder is None or known.chunks == 0 or known.embedder == self._embedder.id
        return embedded and _understood(known)

    async def _changed(
        self,
        workspace_id: str,
        file: Found,
        fmt: Format,
        name: str,
        known: Known | None,
        vectors: Vectors,
    ) -> IngestProgress:
        limit = self._limits.max_table_bytes if fmt.is_table else self._limits.max_file_bytes
        if file.size > limit:
            raise too_large(name, file.size, limit)
        keep = _TABLE_HEAD if fmt.is_table else limit
        data, digest, status = await asyncio.to_thread(read, file, keep=keep, max_bytes=limit)
        stamp = self._stamp(file, digest, status)
        origin = known
        if known is None:
            twins = await self._store.read(records.known_with, workspace_id, digest)
            origin = await asyncio.to_thread(_moved_from, twins)
            if origin is not None and origin.source == file.relative:
                name = origin.source
        same = bool(origin and origin.stamp.content_hash == digest and _keeps_title(origin, name))
        if origin and same and self._current(origin):
            return await self._kept(workspace_id, origin, name, stamp, moved=known is None)
        prepared, record, notices = await self._record(
            fmt, data, name, stamp, origin.id if origin else new_id("doc"), vectors
        )
        if origin and same and _understood(origin) and not record.embedder:  # nothing new, not even vectors
            kept = await self._kept(workspace_id, origin, name, stamp, moved=known is None)
            return replace(kept, notices=notices)
        await self._store.write(records.replace_document, workspace_id, record)
        if origin is not None and known is None:
            await self._store.write(parts.drop_below, workspace_id, origin.stamp.path)
        inside = await parts.keep(self._store, workspace_id, prepared, vectors)
        outcome = "updated" if known else "moved" if origin else "added"
        return IngestProgress(
            source=name, outcome=outcome, chunks=len(record.chunks) + inside, notices=notices
        )

    async def _kept(
        self, workspace_id: str, origin: Known, name: str, stamp: Stamp, *, moved: bool
    ) -> IngestProgress:
        await self._store.write(records.restamp, workspace_id, origin.id, name, stamp)
        if moved:
            before, now = (origin.stamp.path, origin.source), (stamp.path, name)
            await self._store.write(parts.move_below, workspace_id, before, now)
        outcome = "moved" if moved else "unchanged"
        return IngestProgress(source=name, outcome=outcome, chunks=origin.chunks)

    def _stamp(self, file: Found, digest: str, status: os.stat_result) -> Stamp:
        """A file written this very moment may change again within the same tick of its clock."""
        age = self._clock.now().timestamp() - status.st_mtime
        mtime = 0 if abs(age) < _RACY_SECONDS else status.st_mtime_ns
        return Stamp(path=str(file.path), content_hash=digest, size=status.st_size, mtime_ns=mtime)

    async def _record(
        self, fmt: Format, data: bytes, name: str, stamp: Stamp, document_id: str, vectors: Vectors
    ) -> tuple[Prepared, DocumentRecord, tuple[Notice, ...]]:
        job = Job(
            format_id=fmt.id,
            name=name,
            data=data,
            document_id=document_id,
            stamp=stamp,
            at=self._clock.now().isoformat(),
        )
        prepared = await self._workers.prepare(job)
        record, notices = await vectors.add(prepared.record, prepared.contexts)
        return prepared, record, (*prepared.notices, *parts.left_out(prepared), *notices)


def _gone(found: Scan, known: dict[str, Known], places: Places) -> list[str]:
    """Known files below what was looked at that are not there; one that is there but could not
    be listed (no right to read the folder) is not gone. What must not be read is, but for uploads: nobody
    looks at them from outside of their own folder."""
    present = {str(file.path) for file in found.found}
    unread = [refused.path for refused in found.refused if refused.code != PRIVATE]
    uploads = [scope for scope in found.scopes if places.is_upload(scope)]

    def is_gone(path: Path) -> bool:
        looked_at = uploads if places.is_upload(path) else found.scopes
        unseen = not parts.is_there(path, present) and any(is_within(path, scope) for scope in looked_at)
        return unseen and not any(is_within(path, folder) for folder in unread)

    return [path for path in known if is_gone(Path(path))]


def _understood(known: Known) -> bool:
    return known.pipeline == records.PIPELINE


def _moved_from(twins: list[Known]) -> Known | None:
    """Of the documents of the same content, one whose file is no longer where it was."""
    paths = ((known, known.stamp.path) for known in twins)
    gone = (known for known, path in paths if not os.path.lexists(path) and not parts.is_part(path))
    return next(gone, None)


def _keeps_title(origin: Known, name: str) -> bool:
    """A title taken from the file's name is indexed: under a new name it is indexed anew."""
    old, new = PurePath(origin.source).stem, PurePath(name).stem
    return old == new or origin.title != old


def _names(file: Found) -> list[str]:
    """Relative to the root; prefixed by more and more of the root's folders, in case another file
    has that name; at last the whole path."""
    names, folder = [file.relative], file.root
    while folder.name:
        names.append(f"{folder.name}/{names[-1]}")
        folder = folder.parent
    return [*names, str(file.path)]
