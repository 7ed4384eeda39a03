"""Full text indexes, one folder each."""
