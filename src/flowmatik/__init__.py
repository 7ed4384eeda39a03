"""Flowmatik: the open, self-hosted platform for running multi-agent AI in production."""

__version__ = "0.1.0"
