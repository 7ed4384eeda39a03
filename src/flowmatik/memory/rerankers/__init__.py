"""Rerankers, one folder each; none takes part unless a setting names it."""
