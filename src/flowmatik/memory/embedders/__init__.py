"""Embedding models, one folder each."""
