"""The router's learning half: what decides who does a task is in `core/brain/routing.py`."""

from flowmatik.learning.routing.access import StoredRouter
from flowmatik.learning.routing.adviser import RouteAdviser
from flowmatik.learning.routing.classifier import Classifier, Samples
from flowmatik.learning.routing.learner import RouteLearner
from flowmatik.learning.routing.store import LearnedStore

__all__ = ["Classifier", "LearnedStore", "RouteAdviser", "RouteLearner", "Samples", "StoredRouter"]
