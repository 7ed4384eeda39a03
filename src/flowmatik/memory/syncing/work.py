"""One sync: what has changed is read and taken into memory, several documents at a time.

What has become of each is put on record at once, so that a sync that dies goes on where it stopped. What is
gone is removed at the end, when all else has gone well.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowmatik.contracts.memory import DocumentLabels, IngestProgress
from flowmatik.contracts.sources import Content, Entry, Item, SourceReader, Unlisted
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory import kept_out, reading
from flowmatik.memory.scan import Found
from flowmatik.memory.source_settings import lost
from flowmatik.memory.sync import AT_ONCE, Synchroniser
from flowmatik.memory.syncing.copies import Copies, safe_name
from flowmatik.memory.syncing.forgetting import place_in
from flowmatik.memory.syncing.planning import Step, planned
from flowmatik.memory.syncing.rows import Definition, Fault, Kept, Outcome, as_json, said_of
from flowmatik.memory.syncing.store import SourceRows
from flowmatik.memory.writing import SourceRow

GONE = "document.gone"
MOST_ENTRIES = 1_000_000
_AGAIN = frozenset(("document.vanished", "document.unreadable"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    sync: Synchroniser
    copies: Copies
    clock: Clock
    most: int  # bytes of a document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    """`same`: it is what it was, and so is what the source says of it."""

    path: Path
    name: str
    version: str
    dated: str
    same: bool = False


class SyncWork:
    def __init__(
        self, definition: Definition, sync_id: str, rows: SourceRows, reader: SourceReader, needs: Needs
    ) -> None:
        self._one = definition
        self._sync_id = sync_id
        self._rows = rows
        self._reader = reader
        self._needs = needs
        self._root = reader.in_place or needs.copies.root(definition.workspace_id, definition.id)
        self._names: dict[str, str] = {}  # whose a copy's name is
        self._behind = frozenset[str]()
        self._unchanged = 0
        self._total = 0

    async def run(self) -> str:
        """The cursor from which the next one goes on. Raises Unavailable when the source is lost."""
        items = await self._listing()
        listed = self._reader.listed()
        known = await self._rows.kept(self._one.id)
        self._names = {kept.name: path for path, kept in known.items()}
        source = SourceRow(kind=self._one.kind, name=self._one.name, location=str(self._root))
        self._run = await self._needs.sync.begin(self._one.workspace_id, (source,))
        self._behind = await self._of_an_older_program()
        all_of_them = len(items)
        items = await self._let_in(items, known)
        left_out = all_of_them - len(items)
        work = planned(
            items,
            known,
            self._sync_id,
            complete=listed.complete,
            by_version=self._reader.content_versions,
            behind=self._behind,
        )
        self._unchanged, self._total = work.unchanged + left_out, work.total + left_out
        await self._counted()
        for unread in work.unread:
            await self._unread(unread)
        await self._all(iter(work.steps))
        for kept in work.gone:
            await self._gone(kept)
        await self._counted()
        return listed.cursor

    async def _of_an_older_program(self) -> frozenset[str]:
        """Of which something is to be derived that was not then: names of copies, paths of what lies in
        place."""
        run, root = self._run, str(self._root)
        found = await reading.underived_below(run.database, run.workspace_id, root, run.supplied.derived)
        return found | {path.removeprefix(f"{root}/") for path in found}

    async def _listing(self) -> list[Item]:
        items: list[Item] = []
        async for item in self._reader.list(self._one.cursor):
            items.append(item)
            if len(items) > MOST_ENTRIES:
                raise lost(self._one.name, f"it lists more than {MOST_ENTRIES} documents; make it several")
        return items

    async def _let_in(self, items: list[Item], known: Mapping[str, Kept]) -> list[Item]:
        """Without what was forgotten: nothing tells of it, and it is not even read."""
        new = {place_in(self._one.id, one.path): one for one in items if one.path not in known}
        copies = {place: one.version for place, one in new.items() if isinstance(one, Entry) and one.version}
        out = await kept_out.among(self._run.database, self._one.workspace_id, list(new), copies)
        paths = {new[place].path for place in out}
        return [one for one in items if one.path not in paths]

    async def _all(self, steps: Iterator[Step]) -> None:
        """A few at a time: nobody lists or reads ahead of what memory takes."""

        async def one_after_the_other() -> None:
            for step in steps:
                await self._step(step)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(one_after_the_other())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _step(self, step: Step) -> None:
        entry, known = step.entry, step.known
        try:
            fetched = await self._fetched(step)
            if fetched.same and known is not None:
                self._unchanged += 1
                await self._recorded(entry, fetched, None)
                await self._counted()
                return
            found = await asyncio.to_thread(
                _found, fetched.path, f"{self._one.name}/{self._shown(fetched)}", self._root
            )
            asked_for = known is not None and known.state == "due" and not known.sync  # no sync made that row
            labels = self._labels(entry, fetched)
            progress = await self._needs.sync.take(self._run, found, labels, asked_for=asked_for)
        except DocumentError as error:
            await self._failed(step, error)
            return
        if progress.code == kept_out.FORGOTTEN:
            await self._left_out(step)
            return
        if progress.outcome == "skipped":
            await self._failed(step, _error_of(progress))
            return
        if known is not None and self._root / known.name != fetched.path:
            await self._removed(known)
        if step.moved is not None:
            await self._rows.forgotten(self._one.id, step.moved.path, self._sync_id, None)
        outcome: Outcome = "updated" if progress.outcome == "deleted" else progress.outcome
        self._unchanged += outcome == "unchanged"
        await self._recorded(entry, fetched, outcome)
        if outcome == "unchanged":
            await self._counted()

    async def _fetched(self, step: Step) -> _Fetched:
        entry, known = step.entry, step.known
        if entry.file is not None:
            return _Fetched(path=entry.file, name=str(entry.file), version=entry.version, dated=entry.dated)
        if step.moved is not None:
            name = self._name(entry.path, entry.path, step.moved)
            if await asyncio.to_thread(
                self._needs.copies.move, self._root / step.moved.name, self._root / name
            ):
                return _Fetched(path=self._root / name, name=name, version=entry.version, dated=entry.dated)
        there = (
            known is not None and known.state == "taken" and await asyncio.to_thread(self._is_there, known)
        )
        if there and known is not None and entry.version and known.version == entry.version:
            return _Fetched(
                path=self._root / known.name, name=known.name, version=known.version, dated=entry.dated
            )
        content = await self._reader.read(entry, known.version if there and known else "", self._needs.most)
        if content is None:
            if known is None:
                raise DocumentError(
                    f"{entry.path}: nothing was sent", code="document.unreadable", retryable=True
                )
            same = known.said == said_of(entry) and known.name not in self._behind
            path = self._root / known.name
            return _Fetched(path=path, name=known.name, version=known.version, dated=entry.dated, same=same)
        return await self._copied(entry, content)

    async def _copied(self, entry: Entry, content: Content) -> _Fetched:
        if len(content.data) > self._needs.most:
            raise DocumentError(
                f"{entry.path}: {len(content.data)} bytes, above the limit of {self._needs.most}; "
                "split it or raise the limit",
                code="document.too_large",
                context={"size": len(content.data), "limit": self._needs.most},
            )
        name = self._name(entry.path, content.name or entry.path, None)
        try:
            await asyncio.to_thread(self._needs.copies.write, self._root / name, content.data)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise lost(self._one.name, f"no copy can be written here: {why}") from error
        return _Fetched(
            path=self._root / name,
            name=name,
            version=content.version or entry.version,
            dated=content.dated or entry.dated,
        )

    def _is_there(self, known: Kept) -> bool:
        return (self._root / known.name).is_file()

    def _shown(self, fetched: _Fetched) -> str:
        path = Path(fetched.name)
        return path.relative_to(self._root).as_posix() if path.is_absolute() else fetched.name

    def _name(self, path: str, wanted: str, moved: Kept | None) -> str:
        """One that no other document of the source has."""
        name = safe_name(wanted)
        if self._names.get(name, path) != path and (moved is None or moved.name != name):
            name = safe_name(wanted, tell_apart=path)
        self._names[name] = path
        return name

    def _labels(self, entry: Entry, fetched: _Fetched) -> DocumentLabels:
        acl = self._one.acl if entry.acl is None else entry.acl
        metadata = {"source_path": entry.path, **entry.metadata}
        tags = tuple(dict.fromkeys((*self._one.tags, *entry.tags)))
        return DocumentLabels(acl=acl, tags=tags, metadata=metadata, dated=fetched.dated)

    async def _recorded(self, entry: Entry, fetched: _Fetched, outcome: Outcome | None) -> None:
        kept = Kept(
            path=entry.path,
            name=fetched.name,
            version=fetched.version,
            state="taken",
            sync=self._sync_id,
            said=said_of(entry),
        )
        await self._put_down(kept, outcome)

    async def _left_out(self, step: Step) -> None:
        """Its content was forgotten at another place. No row tells its path; it is read again when it has
        changed."""
        for kept in (step.known, step.moved):
            if kept is not None:
                await self._removed(kept)
                await self._rows.forgotten(self._one.id, kept.path, self._sync_id, None)
        if step.entry.version:
            place, at = place_in(self._one.id, step.entry.path), self._now()
            await self._run.database.transaction(
                kept_out.is_copy(self._one.workspace_id, place, step.entry.version, at)
            )
        self._unchanged += 1
        await self._counted()

    async def _failed(self, step: Step, error: DocumentError) -> None:
        """What it was before is kept only while it may be read again."""
        entry, known = step.entry, step.known
        if error.code == GONE and known is not None:
            await self._gone(known)
            return
        if known is not None and not error.retryable:
            await self._removed(known)
        values = dict(error.context)
        fault = Fault(code=error.code, reason=error.message, values=values, retryable=error.retryable)
        kept = Kept(
            path=entry.path,
            name=known.name if known else safe_name(entry.path),
            version=entry.version,
            state="failed",
            sync=self._sync_id,
            said=said_of(entry),
            retryable=error.retryable,
            attempts=(known.attempts if known and known.state != "taken" else 0) + 1,
        )
        await self._put_down(kept, "failed", fault)

    async def _unread(self, one: Unlisted) -> None:
        fault = Fault(code=one.code, reason=one.reason, values=one.values, retryable=False)
        kept = Kept(
            path=one.path,
            name=one.path,
            version="",
            state="failed",
            sync=self._sync_id,
            said=as_json(one.reason),
            attempts=1,
        )
        await self._put_down(kept, "failed", fault)

    async def _put_down(self, kept: Kept, outcome: Outcome | None, fault: Fault | None = None) -> None:
        """What was forgotten while it was read has its mark before its row goes, so that whoever looks for
        the mark after writing a row leaves none."""
        source_id, run = self._one.id, self._run
        await self._rows.record(source_id, kept, self._now(), outcome, fault)
        if await kept_out.among(run.database, run.workspace_id, [place_in(source_id, kept.path)]):
            await self._rows.forgotten(source_id, kept.path, self._sync_id, None)

    async def _gone(self, kept: Kept) -> None:
        """One that has moved within its folder was there under its new path."""
        was_there = await self._removed(kept)
        self._total -= not was_there
        await self._rows.forgotten(self._one.id, kept.path, self._sync_id, "deleted" if was_there else None)

    async def _removed(self, kept: Kept) -> bool:
        path = self._root / kept.name
        was_there = await self._needs.sync.drop(self._run, path)
        if self._reader.in_place is None:
            await asyncio.to_thread(self._needs.copies.remove, path, self._root)
        return was_there

    async def _counted(self) -> None:
        await self._rows.count(self._sync_id, self._total, self._unchanged)

    def _now(self) -> str:
        return self._needs.clock.now().isoformat()


def _found(path: Path, relative: str, root: Path) -> Found:
    """Blocking."""
    try:
        status = path.lstat()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DocumentError(
            f"{relative}: it was gone before it could be read; it is looked for again at the next sync",
            code="document.vanished",
            retryable=True,
            context={"why": why},
        ) from error
    return Found(
        path=path,
        relative=relative,
        root=root,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        identity=(status.st_dev, status.st_ino),
    )


def _error_of(progress: IngestProgress) -> DocumentError:
    code = progress.code or "document.unreadable"
    return DocumentError(progress.reason, code=code, retryable=code in _AGAIN, context=dict(progress.values))
