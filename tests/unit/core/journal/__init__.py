"""The journal's parts that need no store."""
