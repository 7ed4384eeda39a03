"""Puts a deployment's layers around its provider."""

from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.contracts.models import ModelGateway
from flowmatik.integrations.layers.answers import Answers
from flowmatik.integrations.layers.caching import Cached
from flowmatik.integrations.layers.limiting import Limited
from flowmatik.integrations.layers.settings import LayerSettings
from flowmatik.integrations.layers.share import Share
from flowmatik.integrations.layers.summaries import Summaries
from flowmatik.integrations.layers.windowed import Windowed
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerParts:
    """What all deployments' layers share. Without `answers` nothing is kept; `models` writes the summaries,
    where the settings want some."""

    share: Share
    clock: Clock
    answers: Answers | None = None
    models: Callable[[], ModelGateway] | None = None


def layered(
    deployment: str,
    provider: ModelProvider,
    settings: LayerSettings,
    parts: LayerParts,
    window: Callable[[], int | None] | None = None,
) -> ModelProvider:
    """From the outside: answers that are kept, the window, the limits. `deployment` names it among all;
    `window` tells what is publicly known of the model's, where the settings do not."""
    if settings.limits.any:
        provider = Limited(provider, deployment, settings.limits, parts.share, parts.clock)
    if settings.context.policy:
        summaries = None
        if settings.context.policy == "summarise" and parts.models is not None:
            summaries = Summaries(parts.models, settings.context.summariser)
        provider = Windowed(provider, settings.context, summaries, window)
    if parts.answers is not None:
        provider = Cached(provider, deployment, settings.cache, parts.answers)
    return provider
