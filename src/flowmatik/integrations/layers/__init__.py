"""What is put around a provider: each layer is a ModelProvider around a ModelProvider."""
