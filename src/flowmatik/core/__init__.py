"""The Brain and its run engine: one goal in, one durable answer out."""
