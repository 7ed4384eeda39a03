"""What the way through a gateway adds to a model call."""
