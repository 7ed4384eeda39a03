"""How agents of one run work together: decisions of the Brain, each a small addition to a plan."""
