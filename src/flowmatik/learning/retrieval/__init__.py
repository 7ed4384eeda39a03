"""What searches of memory learn from answers: which of their parts found what was cited."""

from flowmatik.learning.retrieval.access import StoredLearning
from flowmatik.learning.retrieval.learner import SearchLearner
from flowmatik.learning.retrieval.lessons import Lesson, learned, lesson_of, weights_of
from flowmatik.learning.retrieval.store import LessonStore

__all__ = ["Lesson", "LessonStore", "SearchLearner", "StoredLearning", "learned", "lesson_of", "weights_of"]
