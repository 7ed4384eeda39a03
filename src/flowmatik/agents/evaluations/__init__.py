"""Evaluation sets: cases with checks, for what an agent is worth with a model."""

from flowmatik.agents.evaluations.checks import Checked, score
from flowmatik.agents.evaluations.parse import EvaluationSet, parse_set, shipped_set, shipped_sets

__all__ = ["Checked", "EvaluationSet", "parse_set", "score", "shipped_set", "shipped_sets"]
