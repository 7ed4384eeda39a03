"""Vectors for the passages of one ingest, as far as the embedder gives any.

A document is stored whole with its vectors or without any, never with some. One without is found by its
words, and the next ingest tries again.
"""

import logging
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import Embedder, Notice
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.records import DocumentRecord

_log = logging.getLogger(__name__)
PATIENCE = 2  # failures in a row: an endpoint that hangs would cost each further document its time-out


class Vectors:
    """One for each ingest. `notices` says of a document what became of its vectors."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._failures = 0
        self._last: FlowmatikError | None = None

    async def add(self, record: DocumentRecord, contexts: list[str]) -> tuple[DocumentRecord, list[Notice]]:
        """The record with a vector for each of its passages; without any, and why, where the embedder
        fails or is not asked any more."""
        if self._embedder is None or not contexts:
            return record, []
        if self._failures < PATIENCE:
            try:
                vectors = await self._embedder.embed(contexts)
            except FlowmatikError as error:
                _log.warning(
                    "document stored without vectors", extra={"source": record.source, "error": error.code}
                )
                self._failures, self._last = self._failures + 1, error
            else:
                self._failures = 0
                return _with_vectors(record, vectors, self._embedder.id), []
        return record, [_without_vectors(record.source, self._last)] if self._last else []


def _with_vectors(record: DocumentRecord, vectors: object, embedder_id: str) -> DocumentRecord:
    rows = np.ascontiguousarray(cast("npt.NDArray[np.float32]", vectors), dtype="<f4")
    chunks = tuple(
        replace(chunk, vector=row.tobytes()) for chunk, row in zip(record.chunks, rows, strict=True)
    )
    return replace(record, chunks=chunks, embedder=embedder_id)


def _without_vectors(source: str, error: FlowmatikError) -> Notice:
    why = {"code": error.code, "values": dict(error.context), "text": error.message}
    return Notice(
        code="document.no_vectors",
        values={"why": why},
        text=f"{source}: found by its words only until it is ingested again: {error.message}",
    )
