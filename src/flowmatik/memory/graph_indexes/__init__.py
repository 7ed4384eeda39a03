"""The knowledge graph behind a port: memory's own tables, or a projection of them."""
