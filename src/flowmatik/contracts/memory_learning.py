"""What a workspace's answers teach its searches: how much each part of a search is to count there."""

from dataclasses import dataclass
from typing import Literal, Protocol

Leg = Literal["words", "meaning", "closeness", "links"]
LEGS: tuple[Leg, ...] = ("words", "meaning", "closeness", "links")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegWeights:
    """By how much the shipped weight of each part of a search is multiplied: full text, vectors, what comes
    close to the question word by word, and links between documents. 1 is as shipped."""

    words: float = 1.0
    meaning: float = 1.0
    closeness: float = 1.0
    links: float = 1.0

    def of(self, leg: Leg) -> float:
        return {
            "words": self.words,
            "meaning": self.meaning,
            "closeness": self.closeness,
            "links": self.links,
        }[leg]


SHIPPED = LegWeights()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLearned:
    """`lead`: how much further to the front than the others this part puts what answers cite, from -2 to 2,
    0 while nothing is known; `answers`: from how many that was learned."""

    leg: Leg
    multiplier: float
    lead: float
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLegs:
    """`answers`: those of which something is known; `legs` in the order of `LEGS`."""

    answers: int
    legs: tuple[LegLearned, ...]


class LegWeighing(Protocol):
    async def weights(self, workspace_id: str) -> LegWeights:
        """Those of now, or of a moment ago; `SHIPPED` where nothing was learned."""
        ...


class MemoryLearning(Protocol):
    """Every call is for one workspace."""

    async def show(self, workspace_id: str) -> LearnedLegs: ...

    async def reset(self, workspace_id: str) -> LearnedLegs:
        """Nothing is learned any more; later answers teach anew."""
        ...
