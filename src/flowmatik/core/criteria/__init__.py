"""Success criteria, each checked by itself. Pure."""
