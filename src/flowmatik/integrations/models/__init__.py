"""Model providers behind one gateway; each is a plugin folder."""
