"""Parsing in a process of its own: a file that hangs, crashes or eats memory takes only that with it."""

from flowmatik.memory.isolation.process import Lost, Refused, measures
from flowmatik.memory.isolation.workers import Workers

__all__ = ["Lost", "Refused", "Workers", "measures"]
