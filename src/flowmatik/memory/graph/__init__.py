"""The knowledge graph that needs no model: who and what passages speak of, and how they hang together."""
