"""What rows of sources hold, as values."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from flowmatik.contracts.database import Row
from flowmatik.contracts.sources import Cause, Entry, NewSource, SyncReport, SyncStatus

State = Literal["taken", "failed", "due"]
Outcome = Literal["added", "updated", "moved", "unchanged", "deleted", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    workspace_id: str
    id: str
    name: str
    kind: str
    settings: Mapping[str, Any]
    acl: tuple[str, ...]
    tags: tuple[str, ...]
    cron: str
    timezone: str
    next_at: int | None
    hook: str
    cursor: str
    sync: str
    again: int
    owner: str
    beat_at: int
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of one document of a source. `said` is its entry as JSON, as `said_of` makes it."""

    path: str
    name: str
    version: str
    state: State
    sync: str
    said: str
    retryable: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    code: str
    reason: str
    values: Mapping[str, Any]
    retryable: bool


def new_definition(
    workspace_id: str, source_id: str, new: NewSource, *, by: str, at: str, hook: str
) -> Definition:
    return Definition(
        workspace_id=workspace_id,
        id=source_id,
        name=new.name,
        kind=new.kind,
        settings=new.settings,
        acl=new.acl,
        tags=new.tags,
        cron=new.cron,
        timezone=new.timezone,
        next_at=None,
        hook=hook,
        cursor="",
        sync="",
        again=0,
        owner="",
        beat_at=0,
        created_at=at,
        created_by=by,
    )


def definition_of(row: Row) -> Definition:
    return Definition(
        workspace_id=row[17],
        id=row[0],
        name=row[1],
        kind=row[2],
        settings=json.loads(row[3]),
        acl=tuple(json.loads(row[4])),
        tags=tuple(json.loads(row[5])),
        cron=row[6],
        timezone=row[7],
        next_at=None if row[8] is None else int(row[8]),
        hook=row[9],
        cursor=row[10],
        sync=row[11],
        again=int(row[12]),
        owner=row[13],
        beat_at=int(row[14]),
        created_at=row[15],
        created_by=row[16],
    )


def said_of(entry: Entry) -> str:
    """What the source says of a document besides its content; no tags are no word, as before there were."""
    said = asdict(entry)
    del said["file"], said["version"], said["path"]
    if not entry.tags:
        del said["tags"]
    return as_json(said)


def entry_of(kept: Kept) -> Entry:
    said = json.loads(kept.said)
    acl, tags = said.pop("acl"), said.pop("tags", ())
    return Entry(path=kept.path, acl=None if acl is None else tuple(acl), tags=tuple(tags), **said)


def kept_of(row: Row) -> Kept:
    return Kept(
        path=row[0],
        name=row[1],
        version=row[2],
        state=cast("State", row[3]),
        sync=row[4],
        said=row[5],
        retryable=bool(row[6]),
        attempts=int(row[7]),
    )


def report_of(row: Row) -> SyncReport:
    return SyncReport(
        id=row[0],
        source_id=row[1],
        cause=cast("Cause", row[2]),
        status=cast("SyncStatus", row[3]),
        started_at=row[4],
        ended_at=row[5],
        total=int(row[6]),
        added=int(row[7]),
        updated=int(row[8]),
        moved=int(row[9]),
        unchanged=int(row[10]),
        deleted=int(row[11]),
        failed=int(row[12]),
        code=row[13],
        reason=row[14],
        values=json.loads(row[15]),
    )


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
