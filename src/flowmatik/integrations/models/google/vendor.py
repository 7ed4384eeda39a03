"""Google's client; the only file that imports it."""

from typing import Any

import httpx2
from pydantic_ai.models import Model
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.client import CONNECT_SECONDS
from flowmatik.integrations.provider import ProviderBuild

LONGEST = 600.0
NO_KEY = "no-key"  # with none at all the client would take one from the environment


class GoogleVendor:
    """A Vendor. Google's client repeats nothing unless it is told to, and knows no idempotency keys."""

    unsent = ()

    def __init__(self, build: ProviderBuild, root: str) -> None:
        timeout = httpx2.Timeout(LONGEST, connect=CONNECT_SECONDS)  # each call brings its own
        # Its key stands in a header of its own, which would go along to wherever a redirect leads.
        self._http = httpx2.AsyncClient(timeout=timeout, follow_redirects=False)
        key = build.settings.api_key or NO_KEY
        self._provider = GoogleProvider(api_key=key, base_url=root, http_client=self._http)

    def model(self, name: str) -> Model:
        return GoogleModel(name, provider=self._provider)

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        return {"timeout": request.timeout}

    def native_schema(self, request: ModelRequest) -> bool:
        """Only the newest of the models take a schema and tools in one call."""
        return not request.tools

    async def close(self) -> None:
        await self._http.aclose()
