"""Cases: plans that worked, learned from runs and proposed again for goals like theirs."""

from flowmatik.agents.cases.adviser import CaseAdviser
from flowmatik.agents.cases.learning import LEARNS_FROM, CaseLearning
from flowmatik.agents.cases.store import StoredCases

__all__ = ["LEARNS_FROM", "CaseAdviser", "CaseLearning", "StoredCases"]
