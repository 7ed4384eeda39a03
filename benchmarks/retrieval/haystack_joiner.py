"""Haystack: BM25 and embedding retrievers of its document store in memory, joined by its DocumentJoiner."""

import os
from typing import Any

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # before it is imported

from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from benchmarks.retrieval.handed import DEPTH, Handed, handed

MODES = ("reciprocal_rank_fusion", "distribution_based_rank_fusion")


async def measure(job: dict[str, Any]) -> dict[str, Any]:
    given = handed(job)
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(
        [
            Document(id=name, content=text, embedding=vector.tolist())
            for name, text, vector in zip(given.ids, given.texts, given.text_vectors, strict=True)
        ]
    )
    return {mode: _asked(given, mode, store) for mode in MODES}


def _asked(given: Handed, mode: str, store: InMemoryDocumentStore) -> list[list[str]]:
    line = Pipeline()
    line.add_component("words", InMemoryBM25Retriever(document_store=store, top_k=DEPTH))
    line.add_component("vectors", InMemoryEmbeddingRetriever(document_store=store, top_k=DEPTH))
    line.add_component("joined", DocumentJoiner(join_mode=mode, top_k=DEPTH))
    line.connect("words", "joined.documents")
    line.connect("vectors", "joined.documents")
    found: list[list[str]] = []
    for question, vector in zip(given.questions, given.question_vectors, strict=True):
        asked = {"words": {"query": question}, "vectors": {"query_embedding": vector.tolist()}}
        found.append([document.id for document in line.run(asked)["joined"]["documents"]])
    return found
