"""Document formats, one folder each."""
