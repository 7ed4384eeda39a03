"""What models have read in passages. It is kept by passage, and goes with it."""

import json
from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.graph_extraction import Extracted


async def extractions_of(database: Database, workspace_id: str, document_id: str) -> dict[int, Extracted]:
    """By the passage's number."""
    rows = await database.fetch(
        "SELECT e.chunk, e.found FROM memory_extractions e JOIN memory_chunks c"
        " ON c.workspace_id = e.workspace_id AND c.number = e.chunk"
        " WHERE e.workspace_id = $1 AND c.document = $2",
        *(workspace_id, document_id),
    )
    return {int(chunk): _extracted(json.loads(found)) for chunk, found in rows}


def extraction(workspace_id: str, chunk: int, model: str, found: Extracted, at: str) -> list[Statement]:
    """The statements that keep it, where the passage is still there; its document is to be derived again, by
    whoever looks at it next."""
    body = json.dumps({"entities": found.entities, "relations": found.relations}, ensure_ascii=False)
    return [
        (
            "INSERT INTO memory_extractions (workspace_id, chunk, model, found, at)"
            " SELECT workspace_id, number, $3, $4, $5 FROM memory_chunks WHERE workspace_id = $1"
            " AND number = $2 ON CONFLICT (workspace_id, chunk) DO UPDATE SET model = excluded.model,"
            " found = excluded.found, at = excluded.at",
            (workspace_id, chunk, model, body, at),
        ),
        (
            "UPDATE memory_documents SET derived = '' WHERE workspace_id = $1 AND id ="
            " (SELECT c.document FROM memory_chunks c WHERE c.workspace_id = $1 AND c.number = $2)",
            (workspace_id, chunk),
        ),
    ]


def _extracted(body: dict[str, Any]) -> Extracted:
    relations: Sequence[Sequence[str]] = body["relations"]
    return Extracted(
        entities=tuple(body["entities"]),
        relations=tuple((one, relation, two) for one, relation, two in relations),
    )
