"""The embedder as the settings want it, and what it costs."""

import ipaddress
from urllib.parse import urlsplit

from flowmatik.app.settings import Settings
from flowmatik.contracts.embedding_money import EmbeddingMoney
from flowmatik.contracts.memory import Embedder
from flowmatik.contracts.models import Usage
from flowmatik.memory import load_embedder

ENDPOINT_PLUGIN = "openai_compatible"
FILE_PLUGIN = "onnx_file"
NUMBERS = ("float32", "int8")
NOBODYS = "embeddings"  # stands for the provider of an endpoint that is none of those that are set


def embedder_of(settings: Settings, money: EmbeddingMoney | None = None) -> Embedder | None:
    """The endpoint or the file that is set, else the model that came along; None when embeddings are off or
    it is not installed: search is full text only. Nothing is loaded or connected before the first use.
    `money`: what the endpoint costs; without it nobody keeps account. Raises ConfigurationError for a file
    that cannot be used."""
    if not settings.embeddings:
        return None
    endpoint = settings.embedding_endpoint
    if endpoint is None and settings.embedding_file:
        return load_embedder(FILE_PLUGIN, {"file": settings.home / settings.embedding_file})
    if endpoint is None:
        return _shipped(settings.embedding_numbers)
    return load_embedder(
        ENDPOINT_PLUGIN,
        {
            "base_url": endpoint.base_url,
            "model": endpoint.model,
            "dimension": endpoint.dimensions,
            "api_key": endpoint.api_key,
            "money": money,
        },
    )


def embedding_money(settings: Settings, workspace_id: str) -> EmbeddingMoney | None:
    """None where no endpoint is asked. The price is that of the settings, for the model's name as the ledger
    has it; else what runs on this machine is free, and for the rest the public list says. The provider is the
    one that is set with the same address."""
    endpoint = settings.embedding_endpoint
    if endpoint is None:
        return None
    from flowmatik.integrations.direct.prices import PriceList

    host = urlsplit(endpoint.base_url).hostname or ""
    same = (one.id for one in settings.providers if one.base_url and urlsplit(one.base_url).hostname == host)
    model = f"{next(same, NOBODYS)}/{endpoint.model}"
    listed = next((one for one in settings.prices if one.model == model), None)
    own = {} if listed is None else {endpoint.model: (listed.input_usd, listed.output_usd)}
    prices = PriceList(own=own, base_url=endpoint.base_url, is_free=lambda _: _is_here(host))

    def price(tokens: int) -> int | None:
        return prices.micros(endpoint.model, Usage(input_tokens=tokens))

    return EmbeddingMoney(model=model, price=price, workspace_id=workspace_id)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def other_embedders(settings: Settings) -> tuple[Embedder, ...]:
    """Beside what is set, the model that came along: workspaces that have its vectors go on comparing them
    until they are moved (`flowmatik memory reembed`)."""
    if not settings.embeddings:
        return ()
    own = settings.embedding_endpoint is None and not settings.embedding_file
    others = [one for one in NUMBERS if not own or one != settings.embedding_numbers]
    return tuple(one for one in map(_shipped, others) if one is not None)


def _shipped(numbers: str) -> Embedder | None:
    return load_embedder(settings={"numbers": numbers})
