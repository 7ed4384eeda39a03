"""OpenAI's client, for it and for all who speak its format."""

from typing import Any

import httpx
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.chat_completions.dialect import Dialect
from flowmatik.integrations.chat_completions.quick import QuickAzure, QuickOpenAI
from flowmatik.integrations.chat_completions.running_totals import TotallingChatModel
from flowmatik.integrations.chat_completions.thinking import effort
from flowmatik.integrations.chat_completions.whole import StreamingClient
from flowmatik.integrations.direct.client import CONNECT_SECONDS
from flowmatik.integrations.provider import ProviderBuild, model_name

NO_KEY = "no-key"
OPENAI = "https://api.openai.com/"


class ChatVendor:
    """A Vendor: chat completions, and responses for those of OpenAI's models that are better at it."""

    unsent = ()

    def __init__(self, build: ProviderBuild, root: str, dialect: Dialect) -> None:
        self._api = build.settings.api or dialect.api
        self._keeping = dialect.keeping
        self._client = _client(build, root)
        # The client loads an API's modules when it is named: here that is in a thread, not at the first call.
        self._apis = (self._client.chat.completions, None if self._api == "chat" else self._client.responses)
        # A stream that ends without saying so was cut off. Older servers only know `max_tokens`.
        self._profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
        if not dialect.is_openai:
            self._profile["openai_chat_supports_max_completion_tokens"] = False
            self._profile["supports_json_schema_output"] = True
        self._provider = (
            OpenAIProvider(openai_client=self._client)
            if dialect.is_openai
            else OpenAICompatibleProvider(build.id, openai_client=self._client)
        )

    def model(self, name: str) -> Model:
        if self._by_responses(name):
            return OpenAIResponsesModel(name, provider=self._provider, profile=self._profile)
        return TotallingChatModel(name, provider=self._provider, profile=self._profile)

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        found: dict[str, Any] = {
            "timeout": httpx.Timeout(request.timeout, connect=min(CONNECT_SECONDS, request.timeout)),
            **self._keeping(request),
        }
        if request.idempotency_key:
            found["extra_headers"] = {"Idempotency-Key": request.idempotency_key}
        by_responses = self._by_responses(model_name(request))
        if (much := effort(request, by_responses=by_responses)) is not None:
            found["openai_reasoning_effort"] = much
        if by_responses:
            found["openai_store"] = False  # what was asked stays here
        else:
            found["openai_continuous_usage_stats"] = True  # a later usage replaces an earlier one
        return found

    def native_schema(self, request: ModelRequest) -> bool:
        del request
        return True

    async def close(self) -> None:
        await self._client.close()

    def _by_responses(self, name: str) -> bool:
        return self._api == "responses" or (self._api == "auto" and reasons(name))


def reasons(name: str) -> bool:
    """OpenAI's models that think before they answer. Asked by chat completions, the newer ones take no
    tools unless they are told not to think (OpenAI's guide "Migrate to the Responses API")."""
    family = name.partition("/")[2] or name
    return family.startswith(("o1", "o3", "o4", "gpt-5", "gpt-6", "codex-")) and "chat" not in family


def _client(build: ProviderBuild, root: str) -> AsyncOpenAI:
    settings = build.settings
    if settings.api_version:
        azure = QuickAzure(
            azure_endpoint=root,
            api_version=settings.api_version,
            api_key=settings.api_key or NO_KEY,
            max_retries=0,
            http_client=StreamingClient(),
        )
        return _unnamed(azure)
    client = QuickOpenAI(
        base_url=root, api_key=settings.api_key or NO_KEY, max_retries=0, http_client=StreamingClient()
    )
    return client if root.startswith(OPENAI) else _unnamed(client)


def _unnamed(client: AsyncOpenAI) -> AsyncOpenAI:
    """Whose account at OpenAI the environment names is no business of others."""
    client.organization = client.project = None
    return client
