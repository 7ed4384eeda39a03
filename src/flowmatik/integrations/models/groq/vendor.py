"""Groq's client; the only file that imports it."""

from typing import Any

import httpx
from groq import AsyncGroq
from pydantic_ai.models import Model
from pydantic_ai.models.groq import GroqModel
from pydantic_ai.providers.groq import GroqProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.client import CONNECT_SECONDS
from flowmatik.integrations.provider import ProviderBuild


class GroqVendor:
    """A Vendor. Groq knows no idempotency keys."""

    unsent = ()

    def __init__(self, build: ProviderBuild, root: str) -> None:
        self._client = AsyncGroq(api_key=build.settings.api_key, base_url=root, max_retries=0)
        self._provider = GroqProvider(groq_client=self._client)

    def model(self, name: str) -> Model:
        return GroqModel(name, provider=self._provider)

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        seconds = request.timeout
        return {"timeout": httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))}

    def native_schema(self, request: ModelRequest) -> bool:
        """Groq takes a schema and tools in one call from none of its models."""
        return not request.tools

    async def close(self) -> None:
        await self._client.close()
