"""Memory at ten thousand passages and more: taking in, search, space, sync of a few changes, removal."""
