"""Anthropic's client; the only file that imports it."""

from typing import Any

import httpx
from anthropic import AsyncAnthropic
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.client import CONNECT_SECONDS
from flowmatik.integrations.direct.schemas import is_closed
from flowmatik.integrations.provider import ProviderBuild

# Marks after the tools, after the instructions and at the end, each for five minutes; what is shorter than
# the model's least is not kept. Putting something there costs more than other input, reading it much less
# (https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
KEEP = {
    "anthropic_cache_tool_definitions": True,
    "anthropic_cache_instructions": True,
    "anthropic_cache": True,
}


class AnthropicVendor:
    """A Vendor. Anthropic knows no idempotency keys."""

    unsent = ()

    def __init__(self, build: ProviderBuild, root: str) -> None:
        self._client = AsyncAnthropic(api_key=build.settings.api_key, base_url=root, max_retries=0)
        self._api = self._client.beta.messages  # loads its modules: here, in a thread
        self._provider = AnthropicProvider(anthropic_client=self._client)

    def model(self, name: str) -> Model:
        return AnthropicModel(name, provider=self._provider)

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        """No temperature: version 2026-10-21 of the API refuses it for every model
        (https://platform.claude.com/docs/en/api/migration-2026-10-21)."""
        seconds = request.timeout
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        return {"timeout": timeout, "temperature": None, **(KEEP if request.again else {})}

    def native_schema(self, request: ModelRequest) -> bool:
        """Structured outputs close every object; one that is open would come back empty."""
        return is_closed(request.output_schema)

    async def close(self) -> None:
        await self._client.close()
