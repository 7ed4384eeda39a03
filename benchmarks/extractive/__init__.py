"""The local model on public questions."""
