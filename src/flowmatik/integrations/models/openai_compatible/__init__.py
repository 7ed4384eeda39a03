"""Every endpoint that speaks OpenAI's chat completions, through Pydantic AI's direct interface."""

from typing import Any


def build(settings: Any) -> Any:
    """The provider for a `ProviderSettings`; the vendor's SDK is imported at the first call."""
    from flowmatik.integrations.models.openai_compatible.provider import OpenAICompatibleProvider

    return OpenAICompatibleProvider(settings)
