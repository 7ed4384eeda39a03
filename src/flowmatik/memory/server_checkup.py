"""A look at the memory in a shared database, for whoever asks whether it is in order. It changes nothing."""

from dataclasses import dataclass

from flowmatik.contracts.database import Database

# What belongs to nothing. Foreign keys keep most rows from it; these tables have none, or count others.
_ORPHANS = (
    "SELECT count(*) FROM memory_entities e WHERE NOT EXISTS (SELECT 1 FROM memory_mentions m"
    " WHERE m.workspace_id = e.workspace_id AND m.entity = e.key)",
    "SELECT count(*) FROM memory_sources s WHERE NOT EXISTS (SELECT 1 FROM memory_documents d"
    " WHERE d.workspace_id = s.workspace_id AND d.source_id = s.id)",
    "SELECT count(*) FROM memory_outbox o WHERE o.change = 'stored' AND NOT EXISTS (SELECT 1 FROM"
    " memory_documents d WHERE d.workspace_id = o.workspace_id AND d.id = o.document)",
    "SELECT count(*) FROM memory_vectors v WHERE NOT EXISTS (SELECT 1 FROM memory_chunks c"
    " WHERE c.workspace_id = v.workspace_id AND c.number = v.chunk AND c.document = v.document)",
)
# Documents that are not whole: passages are missing, or whoever follows memory was never told of them.
_PARTIAL = (
    "SELECT count(*) FROM memory_documents d WHERE d.chunks <> (SELECT count(*) FROM memory_chunks c"
    " WHERE c.workspace_id = d.workspace_id AND c.document = d.id) OR NOT EXISTS (SELECT 1 FROM"
    " memory_outbox o WHERE o.workspace_id = d.workspace_id AND o.document = d.id AND o.change = 'stored')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCondition:
    """Over all workspaces. `not_embedded` documents have passages without a vector of the embedder asked for,
    0 without one; `other_embedder`: workspaces whose search compares the vectors of another one; `partial`
    documents lack passages; `orphans`: rows that belong to nothing."""

    documents: int
    passages: int
    not_embedded: int
    other_embedder: int
    partial: int
    orphans: int


async def look_at_server(everywhere: Database, embedder_id: str) -> ServerCondition | None:
    """`everywhere` shows all workspaces of a PostgreSQL; None when it has no tables of memory. Raises
    JournalUnavailable for one that does not answer."""
    ((there,),) = await everywhere.fetch("SELECT to_regclass('memory_labels') IS NOT NULL")
    if not there:
        return None
    ((documents, passages, without, others),) = await everywhere.fetch(
        "SELECT (SELECT count(*) FROM memory_documents), (SELECT count(*) FROM memory_chunks),"
        " (SELECT count(*) FROM memory_documents d WHERE $1 <> '' AND d.chunks >"
        " (SELECT count(*) FROM memory_vectors v WHERE v.workspace_id = d.workspace_id"
        " AND v.document = d.id AND v.embedder = $1)),"
        " (SELECT count(*) FROM memory_workspaces w WHERE $1 <> '' AND w.embedder NOT IN ('', $1))",
        embedder_id,
    )
    ((partial,),) = await everywhere.fetch(_PARTIAL)
    orphans = 0
    for sql in _ORPHANS:
        ((count,),) = await everywhere.fetch(sql)
        orphans += int(count)
    return ServerCondition(
        documents=int(documents),
        passages=int(passages),
        not_embedded=int(without),
        other_embedder=int(others),
        partial=int(partial),
        orphans=orphans,
    )
