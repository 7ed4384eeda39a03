"""Mistral's client; the only file that imports it."""

from typing import Any

import httpx2
from mistralai.client import Mistral
from pydantic_ai.models import Model
from pydantic_ai.models.mistral import MistralModel
from pydantic_ai.providers.mistral import MistralProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.client import CONNECT_SECONDS
from flowmatik.integrations.direct.prompt_keys import prompt_key
from flowmatik.integrations.provider import ProviderBuild

LONGEST = 600.0


class MistralVendor:
    """A Vendor. Mistral's client repeats nothing unless it is told to, and knows no idempotency keys."""

    unsent = ()

    def __init__(self, build: ProviderBuild, root: str) -> None:
        timeout = httpx2.Timeout(LONGEST, connect=CONNECT_SECONDS)  # each call brings its own
        self._http = httpx2.AsyncClient(timeout=timeout, follow_redirects=True)
        client = Mistral(api_key=build.settings.api_key, server_url=root, async_client=self._http)
        self._provider = MistralProvider(mistral_client=client)

    def model(self, name: str) -> Model:
        return MistralModel(name, provider=self._provider)

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        key = prompt_key(request)  # Mistral keeps prompts by itself, and finds them again by the key
        return {"timeout": request.timeout, "mistral_prompt_cache_key": key or None}

    def native_schema(self, request: ModelRequest) -> bool:
        del request
        return True

    async def close(self) -> None:
        await self._http.aclose()
