"""Finding passages: words, vectors and links between passages, fused by evidence."""

from flowmatik.memory.retrieval.answerability import AMONG, answerable
from flowmatik.memory.retrieval.expansion import expanded
from flowmatik.memory.retrieval.filtering import Filters, filters_of
from flowmatik.memory.retrieval.fusion import fuse
from flowmatik.memory.retrieval.passages import passage_of
from flowmatik.memory.retrieval.ranking import Legs
from flowmatik.memory.retrieval.search import Query, search

__all__ = [
    "AMONG",
    "Filters",
    "Legs",
    "Query",
    "answerable",
    "expanded",
    "filters_of",
    "fuse",
    "passage_of",
    "search",
]
