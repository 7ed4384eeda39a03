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


def other_embedders(settings: Settings) -> tuple[Embedder, ...]:
    """Beside the endpoint that is set, the model that came along: workspaces that have its vectors go on
    comparing them until they are moved (`flowmatik memory reembed`)."""
    shipped = load_embedder() if settings.embeddings and settings.embedding_endpoint is not None else None
    return () if shipped is None else (shipped,)
