"""Text of models on its way to whoever watches: never kept, never waited for."""
