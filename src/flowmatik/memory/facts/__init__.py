"""What is remembered for long: facts in two times, who may see them, and how they come and go."""

from flowmatik.memory.facts.consolidation import EVERY_SECONDS, Consolidation
from flowmatik.memory.facts.hearing import FactHearing
from flowmatik.memory.facts.model_extraction import ModelExtraction
from flowmatik.memory.facts.recall import FactRecaller
from flowmatik.memory.facts.screening import Screening
from flowmatik.memory.facts.service import StoredFacts
from flowmatik.memory.facts.sources import DocumentSources, FactSources, Sources
from flowmatik.memory.facts.store import FactStore
from flowmatik.memory.facts.tools import RECALL, REMEMBER, FactTools
from flowmatik.memory.facts.viewing import Viewer, Viewers

__all__ = [
    "EVERY_SECONDS",
    "RECALL",
    "REMEMBER",
    "Consolidation",
    "DocumentSources",
    "FactHearing",
    "FactRecaller",
    "FactSources",
    "FactStore",
    "FactTools",
    "ModelExtraction",
    "Screening",
    "Sources",
    "StoredFacts",
    "Viewer",
    "Viewers",
]
