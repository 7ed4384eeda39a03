"""LlamaIndex: BM25 and vectors under its QueryFusionRetriever, which asks no model for more queries."""

from typing import Any

import Stemmer
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import QueryBundle, TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from benchmarks.retrieval.handed import DEPTH, Handed, handed

MODES = (FUSION_MODES.RECIPROCAL_RANK, FUSION_MODES.RELATIVE_SCORE)
STEMMERS = {"es": "spanish", "en": "english", "de": "german", "fr": "french", "pt": "portuguese"}


class Given(BaseEmbedding):
    """Nothing is left to embed: nodes and queries come with their vectors."""

    def _get_query_embedding(self, query: str) -> list[float]:
        raise NotImplementedError

    async def _aget_query_embedding(self, query: str) -> list[float]:
        raise NotImplementedError

    def _get_text_embedding(self, text: str) -> list[float]:
        raise NotImplementedError


async def measure(job: dict[str, Any]) -> dict[str, Any]:
    given = handed(job)
    nodes = [
        TextNode(id_=name, text=text, embedding=vector.tolist())
        for name, text, vector in zip(given.ids, given.texts, given.text_vectors, strict=True)
    ]
    code = given.language if given.language in STEMMERS else "en"
    words = BM25Retriever.from_defaults(
        nodes=nodes, language=code, stemmer=Stemmer.Stemmer(STEMMERS[code]), similarity_top_k=DEPTH
    )
    vectors = VectorStoreIndex(nodes, embed_model=Given()).as_retriever(similarity_top_k=DEPTH)
    return {str(mode.value): _asked(given, mode, [words, vectors]) for mode in MODES}


def _asked(given: Handed, mode: FUSION_MODES, retrievers: list[Any]) -> list[list[str]]:
    fusion = QueryFusionRetriever(
        retrievers, llm=MockLLM(), mode=mode, similarity_top_k=DEPTH, num_queries=1, use_async=False
    )
    return [
        [one.node.node_id for one in fusion.retrieve(QueryBundle(question, embedding=vector.tolist()))]
        for question, vector in zip(given.questions, given.question_vectors, strict=True)
    ]
