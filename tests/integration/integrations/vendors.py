"""A scripted server for each provider, speaking what the provider speaks."""

from flowmatik.testing.anthropic_server import AnthropicServer
from flowmatik.testing.model_server import Step
from flowmatik.testing.model_server.desk import Orders
from flowmatik.testing.model_server.serving import ScriptedServer
from flowmatik.testing.openai_server import OpenAIServer
from tests.integration.integrations.emulators import bedrock, google, openai_like

_OTHERS = {
    "google": google.routes,
    "bedrock": bedrock.routes,
    "groq": openai_like.groq_routes,
    "mistral": openai_like.mistral_routes,
    "azure": openai_like.azure_routes,
}


def server_of(provider: str, *script: Step, key: str = "") -> ScriptedServer:
    """Start it with `with`; its `address` is the base URL of the provider."""
    if provider == "anthropic":
        return AnthropicServer(*script, key=key)
    if provider in _OTHERS:
        return ScriptedServer(_OTHERS[provider], Orders(script=script or (Step(),), key=key))
    return OpenAIServer(*script, key=key)
