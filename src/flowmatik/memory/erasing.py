"""An erasure under way. What it is about to do is written before it is done, and goes, in one step, with the
certificate: whoever dies in between leaves what others need to do the rest and certify it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.memory_care import Erasure, Meant, Naming
from flowmatik.kernel import canonical
from flowmatik.memory import kept_labels, kept_out
from flowmatik.memory.bulk import listed
from flowmatik.memory.erasure import Target, is_named
from flowmatik.memory.gazetteers import entries_of
from flowmatik.memory.graph.keys import key_of
from flowmatik.memory.graph.merging import merges_of
from flowmatik.memory.kept_labels import KeptLabels
from flowmatik.memory.places import is_within


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """`documents`: id and path of each; `merges` and `names`: the keys of what people said of entities;
    `labels`: the paths of files of which people have said something, documents or not; `subject`, `source`
    and `document`: what was asked for. None of that outlasts the erasure."""

    certificate: Erasure
    documents: tuple[tuple[str, str], ...]
    merges: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    source: str = ""
    document: str = ""

    @property
    def meant(self) -> Meant:
        return Meant(
            documents=tuple(document for document, _ in self.documents),
            places=tuple(sorted({*self.labels, *(path for _, path in self.documents)})),
            subject=self.subject,
            source=self.source,
            document=self.document,
        )


async def said_of(
    database: Database, workspace_id: str, target: Target
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The merges and the gazetteer's names that name a subject."""
    if target.kind != "subject":
        return (), ()
    merges = await merges_of(database, workspace_id)
    named = (key for key, other in merges.items() if is_named(target, key) or is_named(target, other))
    entries = await entries_of(database, workspace_id)
    texts = (one for one in entries if any(is_named(target, text) for text in (one.name, *one.aliases)))
    return tuple(named), tuple(key_of(one.name) for one in texts)


async def labelled_files(database: Database, workspace_id: str, target: Target) -> tuple[str, ...]:
    """The paths of which something is kept that is meant, by the path or by what was said; who may see a file
    names nobody that it is about."""
    places = [Path(word) for word in target.words]
    if target.kind == "source":
        rows = await database.fetch(
            "SELECT location FROM memory_sources WHERE workspace_id = $1 AND (name = $2 OR id = $2)",
            *(workspace_id, target.words[0]),
        )
        places += [Path(str(row[0])) for row in rows]

    def is_meant(one: KeptLabels) -> bool:
        if target.kind == "subject":
            labels = one.labels
            texts = (one.path, *labels.tags, *labels.metadata, *labels.metadata.values())
            return any(is_named(target, text) for text in texts)
        return any(is_within(Path(one.path), place) for place in places)

    kept = await kept_labels.all_kept(database, workspace_id)
    return tuple(sorted({one.path for one in kept if is_meant(one)}))


def unsaid(workspace_id: str, begun: Begun) -> list[Statement]:
    """What people said of it goes, and it does not come back by itself."""
    found: list[Statement] = []
    for keys, sql in (
        (begun.merges, "DELETE FROM memory_merges WHERE workspace_id = $1 AND entity IN (:list)"),
        (begun.names, "DELETE FROM memory_gazetteer WHERE workspace_id = $1 AND key IN (:list)"),
    ):
        found += [(statement, (workspace_id, *values)) for statement, values in listed(sql, keys, 2)]
    paths, made = begun.meant.places, begun.certificate
    return [
        *found,
        *kept_labels.unsaid(workspace_id, paths),
        *kept_out.keep_out(workspace_id, paths, made.hashes if begun.documents else (), made.made_at),
    ]


def begins(workspace_id: str, begun: Begun) -> Statement:
    made = begun.certificate
    return (
        "INSERT INTO memory_erasing (workspace_id, id, made_at, body) VALUES ($1, $2, $3, $4)",
        (workspace_id, made.id, made.made_at, canonical.dumps(asdict(begun))),
    )


def told(workspace_id: str, done: Erasure) -> Statement:
    """All has gone but what is left in free pages: from here on nothing says any more what it was."""
    body = canonical.dumps(asdict(Begun(certificate=done, documents=())))
    return (
        "UPDATE memory_erasing SET body = $3 WHERE workspace_id = $1 AND id = $2",
        (workspace_id, done.id, body),
    )


def certified(workspace_id: str, done: Erasure) -> list[Statement]:
    """The first of two that certify the same is believed."""
    return [
        ("DELETE FROM memory_erasing WHERE workspace_id = $1 AND id = $2", (workspace_id, done.id)),
        (
            "INSERT INTO memory_erasures (workspace_id, id, made_at, made_by, body)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, id) DO NOTHING",
            (workspace_id, done.id, done.made_at, done.made_by, canonical.dumps(asdict(done))),
        ),
    ]


async def left_over(database: Database, workspace_id: str, before: str) -> list[Begun]:
    """Those that were begun before that time."""
    rows = await database.fetch(
        "SELECT body FROM memory_erasing WHERE workspace_id = $1 AND made_at <= $2 ORDER BY id",
        *(workspace_id, before),
    )
    return [_begun(canonical.loads(str(body))) for (body,) in rows]


async def workspaces_with(everywhere: Database) -> Sequence[str]:
    rows = await everywhere.fetch("SELECT DISTINCT workspace_id FROM memory_erasing ORDER BY workspace_id")
    return [str(row[0]) for row in rows]


def _begun(body: dict[str, Any]) -> Begun:
    return Begun(
        certificate=erasure_of(body["certificate"]),
        documents=tuple((str(one), str(path)) for one, path in body["documents"]),
        merges=tuple(body["merges"]),
        names=tuple(body["names"]),
        labels=tuple(body.get("labels", ())),
        subject=tuple(body.get("subject", ())),
        source=body.get("source", ""),
        document=body.get("document", ""),
    )


def erasure_of(body: dict[str, Any]) -> Erasure:
    kept = dict(body)
    for name in ("hashes", "stores", "outside", "sources"):
        kept[name] = tuple(body.get(name, ()))
    kept["naming"] = tuple(_naming(one) for one in body.get("naming", ()))
    return Erasure(**kept)


def _naming(row: dict[str, Any]) -> Naming:
    return Naming(
        kind=row["kind"],
        count=row["count"],
        ids=tuple(row["ids"]),
        unread=row.get("unread", 0),
        unread_in=tuple(row.get("unread_in", ())),
    )
