"""Vector indexes: a folder each, chosen by `memory.vectors`."""
