"""What is remembered for long: facts in two times, who may see them, and how they come and go."""

from flowmatik.memory.facts.service import StoredFacts
from flowmatik.memory.facts.store import FactStore

__all__ = ["FactStore", "StoredFacts"]
