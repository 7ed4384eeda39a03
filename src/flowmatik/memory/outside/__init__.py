"""Indexes outside of memory's own store: asked by searches, and kept as memory is."""
