"""Whether the best sentence answers at all: a small logistic model over figures one can check."""

from dataclasses import dataclass

from flowmatik.integrations.models.local.evidence import Asked, Evidence, alike
from flowmatik.integrations.models.local.passages import Passage
from flowmatik.integrations.models.local.weights import TRUST, TRUSTED
from flowmatik.integrations.models.local.words import terms

UNNAMED = 0.7  # a question that names nothing neither gains nor loses
UNKNOWN = 0.2  # nor does a search that gives no scores, or one document


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """`own`, `pairs` and `misfit` are the best sentence's: its share of the question, neighbours kept,
    and 1 when nothing in it is of the kind asked for. `around` is its passage's share, `named` that of
    the question's names and numbers alone; `hints` is added by words that only begin alike. `ahead` is
    how far the search puts its document before every other one, as a share of the best score,
    0 if it does not."""

    own: float
    around: float
    pairs: float
    misfit: float
    named: float
    hints: float
    ahead: float


def grounds(asked: Asked, passages: list[Passage], passage: Passage, evidence: Evidence) -> Grounds:
    there = terms(f"{passage.title} {passage.heading} {passage.text}", asked.language)
    missing = asked.weights.keys() - there
    names = sum(asked.weights[t] for t in sorted(asked.names))
    known = sum(asked.weights[t] for t in sorted(asked.names & there))
    return Grounds(
        own=evidence.own,
        around=evidence.around,
        pairs=evidence.pairs,
        misfit=float(evidence.fits < 0),
        named=known / names if names else UNNAMED,
        hints=asked.share({t for t in missing if any(alike(t, other) for other in there)}),
        ahead=_ahead(passages, passage),
    )


def _ahead(passages: list[Passage], passage: Passage) -> float:
    mine = max((one.score for one in passages if one.source == passage.source), default=0.0)
    others = max((one.score for one in passages if one.source != passage.source), default=0.0)
    return max(0.0, mine - others) / max(mine, others) if others > 0 else UNKNOWN


def trust(found: Grounds) -> float:
    """How sure an answer is; from 0 on it is given."""
    return sum(weight * getattr(found, name) for name, weight in TRUST.items()) - TRUSTED
