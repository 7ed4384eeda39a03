"""One attempt at an OpenAI-compatible endpoint; whatever goes wrong becomes one of our errors."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
from pydantic import ValidationError
from pydantic_ai import exceptions as vendor
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta
from flowmatik.integrations.models.openai_compatible import mapping
from flowmatik.integrations.models.settings import ProviderSettings
from flowmatik.kernel.errors import ModelError, ModelMalformed, ModelRejected, ModelUnavailable

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FAULTS = (
    vendor.AgentRunError,
    openai.OpenAIError,
    httpx.HTTPError,
    TimeoutError,
    ValidationError,
    ValueError,
)


class OpenAICompatibleProvider:
    """Implements the gateway's `Provider` for one endpoint."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._client = openai.AsyncOpenAI(
            base_url=normal_base_url(settings.base_url), api_key=settings.api_key or "none", max_retries=0
        )
        self._provider = OpenAIProvider(openai_client=self._client)

    async def complete(self, request: ModelRequest) -> ModelReply:
        try:
            async with asyncio.timeout(request.timeout):
                response = await model_request(
                    self._model(request),
                    mapping.messages(request),
                    model_settings=_model_settings(request),
                    model_request_parameters=mapping.parameters(request),
                )
        except _FAULTS as error:
            raise self._translated(error, request) from error
        return mapping.reply(response, request.model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        try:
            async with (
                asyncio.timeout(request.timeout),
                model_request_stream(
                    self._model(request),
                    mapping.messages(request),
                    model_settings=_model_settings(request),
                    model_request_parameters=mapping.parameters(request),
                ) as streamed,
            ):
                async for event in streamed:
                    text = _delta(event)
                    if text:
                        yield TextDelta(text=text)
                response = streamed.get()
        except _FAULTS as error:
            raise self._translated(error, request) from error
        if response.finish_reason is None:
            raise ModelUnavailable(
                f"the stream of {request.model!r} broke off before its end; try again",
                code="model.truncated",
                context={"model": request.model},
            )
        yield mapping.reply(response, request.model)

    async def close(self) -> None:
        await self._client.close()

    def _model(self, request: ModelRequest) -> OpenAIChatModel:
        return OpenAIChatModel(request.model.partition("/")[2], provider=self._provider)

    def _translated(self, error: Exception, request: ModelRequest) -> ModelError:
        """Never the vendor's own text: it may hold the key or the prompt."""
        name = request.model
        status = _status(error)
        if status in (401, 403):
            return ModelRejected(
                f"the provider {self._settings.id!r} refuses the key (HTTP {status}); check its API key",
                code="model.key",
                context={"model": name, "status": status},
            )
        if status is not None and status not in AGAIN:
            return ModelRejected(
                f"the provider {self._settings.id!r} refuses the request for {name!r} (HTTP {status})",
                context={"model": name, "status": status},
            )
        if status is not None:
            return ModelUnavailable(
                f"the provider {self._settings.id!r} cannot serve {name!r} now (HTTP {status})",
                context={"model": name, "status": status} | _retry_after(error),
            )
        if _any_cause(error, (TimeoutError, httpx.TimeoutException, openai.APITimeoutError)):
            return ModelUnavailable(
                f"{name!r} did not answer within {request.timeout:g} s",
                code="model.timeout",
                context={"model": name},
            )
        if _any_cause(error, (httpx.TransportError, openai.APIConnectionError)):
            return ModelUnavailable(
                f"the provider {self._settings.id!r} cannot be reached; check its address and the network",
                context={"model": name},
            )
        return ModelMalformed(
            f"what the provider {self._settings.id!r} answered for {name!r} cannot be read "
            f"({type(error).__name__})",
            code="model.malformed",
            context={"model": name},
        )


def normal_base_url(url: str) -> str:
    """The base of the API, whether or not the full path of the completions was given."""
    return url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")


def _model_settings(request: ModelRequest) -> ModelSettings:
    headers = {"Idempotency-Key": request.idempotency_key} if request.idempotency_key else {}
    return ModelSettings(
        max_tokens=request.max_output_tokens,
        temperature=request.temperature,
        timeout=request.timeout,
        extra_headers=headers,
    )


def _delta(event: Any) -> str:
    part = getattr(event, "part", None) or getattr(event, "delta", None)
    text = getattr(part, "content", None) or getattr(part, "content_delta", None)
    return text if isinstance(text, str) and "tool" not in str(getattr(part, "part_kind", "")) else ""


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(chain) < 10:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _any_cause(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(one, kinds) for one in _chain(error))


def _status(error: BaseException) -> int | None:
    for one in _chain(error):
        status = getattr(one, "status_code", None)
        if isinstance(status, int) and not isinstance(one, json.JSONDecodeError) and status >= 400:
            return status
    return None


def _retry_after(error: BaseException) -> dict[str, object]:
    for one in _chain(error):
        headers: Any = getattr(getattr(one, "response", None), "headers", None)
        value = headers.get("retry-after") if headers is not None else None
        if value is not None:
            try:
                return {"retry_after": min(max(float(value), 0.0), 30.0)}
            except ValueError:
                return {}
    return {}
