"""The embedder as the settings want it."""

from flowmatik.app.settings import Settings
from flowmatik.contracts.memory import Embedder
from flowmatik.memory import load_embedder

ENDPOINT_PLUGIN = "openai_compatible"


def embedder_of(settings: Settings) -> Embedder | None:
    """The endpoint that is set, else the model that came along; None when embeddings are off or it is
    not installed: search is full text only. Nothing is loaded or connected before the first use."""
    if not settings.embeddings:
        return None
    endpoint = settings.embedding_endpoint
    if endpoint is None:
        return load_embedder()
    return load_embedder(
        ENDPOINT_PLUGIN,
        {
            "base_url": endpoint.base_url,
            "model": endpoint.model,
            "dimension": endpoint.dimensions,
            "api_key": endpoint.api_key,
        },
    )
