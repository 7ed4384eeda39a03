"""What a model can do, found out by asking it, and how to get along without what it cannot."""
