"""Finding passages: words, vectors and links between passages, fused by evidence."""

from flowmatik.memory.retrieval.answerability import answerable
from flowmatik.memory.retrieval.fusion import fuse
from flowmatik.memory.retrieval.passages import passage_by_id
from flowmatik.memory.retrieval.ranking import Legs
from flowmatik.memory.retrieval.search import Query, search
from flowmatik.memory.retrieval.snapshot import Snapshot, load

__all__ = ["Legs", "Query", "Snapshot", "answerable", "fuse", "load", "passage_by_id", "search"]
