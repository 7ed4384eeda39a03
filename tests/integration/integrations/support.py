"""A gateway in front of a scripted server, with a clock that does not wait."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.clock import Clock
from flowmatik.testing.openai_server import OpenAIServer

KEY = "sk-secret-0123456789"
MODEL = "far/some-model"


def provider(base_url: str, **changes: Any) -> ProviderSettings:
    return replace(ProviderSettings(base_url=base_url, api_key=KEY, plugin="openai_compatible"), **changes)


@asynccontextmanager
async def gateway(server: OpenAIServer | str, clock: Clock, **changes: Any) -> AsyncGenerator[Gateway]:
    base_url = server if isinstance(server, str) else server.base_url
    opened = Gateway(GatewaySettings(providers={"far": provider(base_url, **changes)}), clock)
    try:
        yield opened
    finally:
        await opened.close()


def ask(text: str = "Say hello", **changes: Any) -> ModelRequest:
    request = ModelRequest(model=MODEL, messages=(Message(role="user", content=text),), timeout=20.0)
    return replace(request, **changes)
