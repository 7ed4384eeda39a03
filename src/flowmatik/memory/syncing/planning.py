"""What a sync has to do, from what the source lists and what is known of it; pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from flowmatik.contracts.sources import Entry, Item, Unlisted, Vanished
from flowmatik.memory.syncing.rows import Kept, as_json, entry_of, said_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A document to take. `known` is what it was; `moved` the one of the same content that is gone."""

    entry: Entry
    known: Kept | None
    moved: Kept | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`handled`: those that this very sync was done with before it was interrupted."""

    steps: tuple[Step, ...]
    unread: tuple[Unlisted, ...]
    gone: tuple[Kept, ...]
    unchanged: int
    handled: int

    @property
    def total(self) -> int:
        return len(self.steps) + len(self.unread) + len(self.gone) + self.unchanged + self.handled


def planned(
    items: Iterable[Item],
    known: Mapping[str, Kept],
    sync_id: str,
    *,
    complete: bool,
    by_version: bool,
    behind: Collection[str] = (),
) -> Work:
    """`complete`: what is not among `items` is gone; `by_version`: equal versions are equal contents;
    `behind`: the names of documents that are to be looked at though they have not changed."""
    entries = {one.path: one for one in items if isinstance(one, Entry)}
    unread = {one.path: one for one in items if isinstance(one, Unlisted)}
    said_gone = {one.path for one in items if isinstance(one, Vanished)} - entries.keys()
    steps: list[Step] = []
    fresh: list[Entry] = []
    unchanged = handled = 0
    for path, entry in entries.items():
        kept = known.get(path)
        if kept is None:
            fresh.append(entry)
        elif is_handled(kept, entry, sync_id):
            handled += 1
        elif is_same(kept, entry) and kept.name not in behind:
            unchanged += 1
        else:
            steps.append(Step(entry=entry, known=kept))
    gone = {
        path: kept
        for path, kept in known.items()
        if path in said_gone or (complete and path not in entries and not _is_below(path, unread))
    }
    steps += _due(known, {*entries, *gone, *unread})
    news: list[Unlisted] = []
    for path, one in unread.items():
        kept = known.get(path)
        if kept is not None and kept.said == as_json(one.reason):
            handled, unchanged = (
                (handled + 1, unchanged) if kept.sync == sync_id else (handled, unchanged + 1)
            )
        else:
            news.append(one)
    return Work(
        steps=(*_moved(fresh, gone if by_version else {}), *steps),
        unread=tuple(news),
        gone=tuple(gone.values()),
        unchanged=unchanged,
        handled=handled,
    )


def is_same(kept: Kept, entry: Entry) -> bool:
    """A dead letter stays one until it changes, unless trying again may help."""
    if kept.state == "due" or kept.retryable or not entry.version:
        return False
    return kept.version == entry.version and kept.said == said_of(entry)


def is_handled(kept: Kept, entry: Entry, sync_id: str) -> bool:
    """What has changed since, or is to be tried again, is not."""
    if kept.sync != sync_id or kept.state == "due" or kept.said != said_of(entry):
        return False
    return entry.version in ("", kept.version)


def _moved(fresh: list[Entry], gone: dict[str, Kept]) -> list[Step]:
    """Each gone document moves once; it is gone no longer then."""
    by_version = {kept.version: path for path, kept in gone.items() if kept.state == "taken" and kept.version}
    steps: list[Step] = []
    for entry in fresh:
        path = by_version.pop(entry.version, None)
        steps.append(Step(entry=entry, known=None, moved=None if path is None else gone.pop(path)))
    return steps


def _due(known: Mapping[str, Kept], elsewhere: set[str]) -> list[Step]:
    """Dead letters that an incremental listing does not name."""
    again = (kept for path, kept in known.items() if path not in elsewhere)
    return [Step(entry=entry_of(kept), known=kept) for kept in again if kept.state == "due" or kept.retryable]


def _is_below(path: str, unread: Mapping[str, Unlisted]) -> bool:
    if path in unread:
        return True
    return any(path[:end] in unread for end, sign in enumerate(path) if sign == "/")
